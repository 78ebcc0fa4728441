import type { DType, Mapping } from '@llft/native'
import type { Checkpoint } from '@llft/safetensors'
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
    const mapping = this.mappingOf(stored.file.path)
    return new Tensor(native().fromMapping(mapping, stored.byteOffset, dtype, stored.shape))
  }

  /** Lets go of the files; tensors that are mapped keep theirs. */
  close(): void {
    for (const mapping of this.#mappings.values()) native().unmapFile(mapping)
    this.#mappings.clear()
  }

  private mappingOf(path: string): Mapping {
    const mapping = this.#mappings.get(path) ?? native().mapFile(path)
    this.#mappings.set(path, mapping)
    return mapping
  }
}

/** Tensors that stand in a dry run for mapped ones. */
export class PlannedBacking implements Backing {
  private constructor(
    private readonly dtypeOf: (
      name: string,
      shape: readonly number[],
      dtypes: readonly DType[],
    ) => DType,
  ) {}

  /** Those of a checkpoint, as the headers of its files describe them. */
  static of(checkpoint: Checkpoint): PlannedBacking {
    return new PlannedBacking((...wanted) => findTensor(checkpoint, ...wanted).dtype)
  }

  /** Those of files that nobody has seen: everything is there, in `dtype` where that is allowed. */
  static assumed(dtype: DType): PlannedBacking {
    return new PlannedBacking((_, __, dtypes) =>
      dtypes.includes(dtype) ? dtype : (dtypes[0] ?? dtype),
    )
  }

  tensor(name: string, shape: readonly number[], dtypes: readonly DType[]): Tensor {
    return new Tensor(native().planMapping(this.dtypeOf(name, shape, dtypes), shape, false))
  }
}
