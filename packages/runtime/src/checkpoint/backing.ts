import { closeSync, openSync, readSync } from 'node:fs'
import { FormatError } from '@llft/errors'
import type { DType, Mapping } from '@llft/native'
import type { Checkpoint, SafetensorsFile } from '@llft/safetensors'
import { native } from '../native.js'
import { Tensor } from '../tensor.js'
import { findTensor } from './find-tensor.js'

/** Where the tensors of a checkpoint lie: in files that are mapped, or nowhere, for a dry run. */
export interface Backing {
  /**
   * A tensor as it is stored, read-only.
   * @throws FormatError naming file and tensor if it is missing, of another shape or of no type that is allowed
   */
  tensor(name: string, shape: readonly number[], dtypes: readonly DType[]): Tensor
}

/** Tensors mapped from the files of a checkpoint. */
export class MappedBacking implements Backing {
  readonly #mappings = new Map<string, Mapping>()

  constructor(private readonly checkpoint: Checkpoint) {}

  tensor(name: string, shape: readonly number[], dtypes: readonly DType[]): Tensor {
    const { stored, dtype } = findTensor(this.checkpoint, name, shape, dtypes)
    const mapping = this.mappingOf(stored.file)
    return new Tensor(native().fromMapping(mapping, stored.byteOffset, dtype, stored.shape))
  }

  /** Lets go of the files; tensors that are mapped keep theirs. */
  close(): void {
    for (const mapping of this.#mappings.values()) native().unmapFile(mapping)
    this.#mappings.clear()
  }

  private mappingOf(file: SafetensorsFile): Mapping {
    const known = this.#mappings.get(file.path)
    if (known !== undefined) return known
    const mapping = native().mapFile(file.path)
    this.#mappings.set(file.path, mapping)
    requireSame(file)
    return mapping
  }
}

/** Tensors read from the files of a checkpoint into memory, where files cannot be trusted to stay as they are. */
export class ReadBacking implements Backing {
  readonly #descriptors = new Map<string, number>()

  constructor(private readonly checkpoint: Checkpoint) {}

  tensor(name: string, shape: readonly number[], dtypes: readonly DType[]): Tensor {
    const { stored, dtype } = findTensor(this.checkpoint, name, shape, dtypes)
    const { byteOffset, byteLength, file } = stored
    const bytes = readRange(this.descriptorOf(file), file.path, byteOffset, byteLength)
    return Tensor.fromBytes(bytes, dtype, stored.shape)
  }

  close(): void {
    for (const descriptor of this.#descriptors.values()) closeSync(descriptor)
    this.#descriptors.clear()
  }

  private descriptorOf(file: SafetensorsFile): number {
    const known = this.#descriptors.get(file.path)
    if (known !== undefined) return known
    requireSame(file)
    const descriptor = openSync(file.path, 'r')
    this.#descriptors.set(file.path, descriptor)
    return descriptor
  }
}

/** Offsets are those of the header that was read: another file under the name would give other weights. */
function requireSame(file: SafetensorsFile): void {
  if (file.isSame()) return
  throw new FormatError(
    `${file.path}: the file must stay as it was while it is loaded; got a change since its header was read. Load the model again.`,
  )
}

/** One system call reads at most 2 GiB. */
const MAX_READ_BYTES = 1 << 30

function readRange(descriptor: number, path: string, from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let done = 0
  while (done < length) {
    const count = readSync(
      descriptor,
      bytes,
      done,
      Math.min(length - done, MAX_READ_BYTES),
      from + done,
    )
    if (count === 0) {
      throw new FormatError(
        `${path}: ${length} bytes must lie at byte ${from}; got ${done}. Load the model again.`,
      )
    }
    done += count
  }
  return bytes
}

/** Tensors that stand in a dry run for mapped ones. */
export class PlannedBacking implements Backing {
  private constructor(
    private readonly dtypeOf: (
      name: string,
      shape: readonly number[],
      dtypes: readonly DType[],
    ) => DType,
    private readonly mapped = true,
  ) {}

  /** Those of a checkpoint, as the headers of its files describe them. */
  static of(checkpoint: Checkpoint, mapped: boolean): PlannedBacking {
    return new PlannedBacking((...wanted) => findTensor(checkpoint, ...wanted).dtype, mapped)
  }

  /** Those of files that nobody has seen: everything is there, in `dtype` where that is allowed. */
  static assumed(dtype: DType): PlannedBacking {
    return new PlannedBacking((_, __, dtypes) =>
      dtypes.includes(dtype) ? dtype : (dtypes[0] ?? dtype),
    )
  }

  tensor(name: string, shape: readonly number[], dtypes: readonly DType[]): Tensor {
    const dtype = this.dtypeOf(name, shape, dtypes)
    if (!this.mapped) return Tensor.empty(shape, dtype)
    return new Tensor(native().planMapping(dtype, shape, false))
  }
}
