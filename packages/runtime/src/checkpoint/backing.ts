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
    // Offsets are those of the header that was read: another file under the name would give other weights.
    if (file.isSame()) return mapping
    throw new FormatError(
      `${file.path}: the file must stay as it was while it is loaded; got a change since its header was read. Load the model again.`,
    )
  }
}

/** Tensors read from the files of a checkpoint into memory, where files cannot be trusted to stay as they are. */
export class ReadBacking implements Backing {
  constructor(private readonly checkpoint: Checkpoint) {}

  tensor(name: string, shape: readonly number[], dtypes: readonly DType[]): Tensor {
    const { stored, dtype } = findTensor(this.checkpoint, name, shape, dtypes)
    return Tensor.fromBytes(stored.file.readSync(name), dtype, stored.shape)
  }

  /** Nothing is open between two reads. */
  close(): void {}
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
