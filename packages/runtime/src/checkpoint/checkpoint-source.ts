import { basename } from 'node:path'
import { FormatError } from '@llft/errors'
import type { DType, Mapping } from '@llft/native'
import type { Checkpoint, CheckpointTensor } from '@llft/safetensors'
import { noGrad } from '../autograd/tape.js'
import type { WeightSource } from '../models/weight-source.js'
import { native } from '../native.js'
import { asType } from '../ops/elementwise.js'
import { DenseWeight, type LinearWeight } from '../ops/linear-weight.js'
import { sumSquares } from '../ops/reduce.js'
import { keep, scope } from '../scope.js'
import { Tensor } from '../tensor.js'

const DTYPES: Readonly<Record<string, DType>> = {
  F32: 'float32',
  BF16: 'bfloat16',
  F16: 'float16',
  U8: 'uint8',
  I8: 'int8',
}
const FLOATS: readonly DType[] = ['float32', 'bfloat16', 'float16']

/** What a checkpoint holds for one linear layer. */
export interface StoredLinear {
  /** Such as 'model.layers.0.self_attn.q_proj'. */
  readonly path: string
  /** [N, K] of the architecture. */
  readonly shape: readonly [number, number]
  /** The compute type of the model. */
  readonly dtype: DType
  /**
   * The tensor `path.name` as it is stored, mapped from the file; freed when the loader returns, unless it is kept.
   * @throws FormatError naming file and tensor if it is missing, of another shape or of no type that is allowed
   */
  tensor(name: string, shape: readonly number[], dtypes: readonly DType[]): Tensor
  /** Counts `path.name` as used, if it is there. */
  skip(name: string): void
  /** Lets the load fail, naming `path.name`, if `values`, which stand for it, are not finite. */
  requireFinite(name: string, values: Tensor): void
}

/** Makes the weight of a linear layer in another form than floats; undefined: floats. Tensors that it makes belong to a scope. */
export type LinearLoader = (stored: StoredLinear) => LinearWeight | undefined

/**
 * Gives a model the tensors of a checkpoint: mapped from the file where they are stored in the compute type, cast
 * otherwise. Remembers what was taken, so that what is left over shows.
 */
export class CheckpointSource implements WeightSource {
  readonly #mappings = new Map<string, Mapping>()
  readonly #taken = new Set<string>()
  readonly #owned: { dispose(): void }[] = []
  readonly #sums = new Map<string, Tensor>()

  constructor(
    private readonly checkpoint: Checkpoint,
    readonly dtype: DType,
    private readonly checkFinite: boolean,
    private readonly loadLinear?: LinearLoader,
  ) {}

  tensor(name: string, shape: readonly number[]): Tensor {
    const mapped = this.mapped(name, shape, FLOATS)
    const tensor = keep(noGrad(() => asType(mapped, this.dtype)))
    if (tensor !== mapped) mapped.dispose()
    this.#owned.push(tensor)
    this.requireFinite(name, tensor)
    return tensor
  }

  linearWeight(path: string, shape: readonly [number, number]): LinearWeight {
    const weight = scope(() => noGrad(() => this.loadLinear?.(this.storedLinear(path, shape))))
    if (weight === undefined) return new DenseWeight(this.tensor(`${path}.weight`, shape))
    this.#owned.push(weight)
    return weight
  }

  /** @throws FormatError naming tensors that nobody took, unless `ignorable` says that they need not be. */
  rejectLeftOver(ignorable: (name: string) => boolean): void {
    const extra = [...this.checkpoint.tensors.values()].filter(
      ({ name }) => !this.#taken.has(name) && !ignorable(name),
    )
    if (extra.length === 0) return
    const listed = extra.slice(0, 5).map(({ name, file }) => `"${name}" in ${basename(file.path)}`)
    const more = extra.length > 5 ? ` and ${extra.length - 5} more` : ''
    throw new FormatError(
      `${this.checkpoint.folder}: every tensor must belong to the model of config.json; ` +
        `got ${listed.join(', ')}${more}, which it does not have.`,
    )
  }

  /** @throws FormatError naming the tensors that hold NaN or infinity. */
  async rejectNonFinite(): Promise<void> {
    const sums = [...this.#sums]
    const values = await Promise.all(sums.map(([, sum]) => sum.item()))
    const bad = sums.filter((_, index) => !Number.isFinite(values[index])).map(([name]) => name)
    if (bad.length === 0) return
    const named = bad.slice(0, 5).map((name) => `"${name}" in ${this.fileOf(name)}`)
    const more = bad.length > 5 ? ` and ${bad.length - 5} more` : ''
    throw new FormatError(
      `${this.checkpoint.folder}: weights must be finite; got NaN or infinity in ${named.join(', ')}${more}.`,
    )
  }

  /** Lets go of the files; tensors that are mapped keep theirs. */
  close(): void {
    for (const mapping of this.#mappings.values()) native().unmapFile(mapping)
    for (const sum of this.#sums.values()) sum.dispose()
    this.#mappings.clear()
    this.#sums.clear()
  }

  /** Frees every tensor that was given out, after a failure. */
  abandon(): void {
    for (const owned of this.#owned) owned.dispose()
  }

  private find(name: string, shape: readonly number[]): CheckpointTensor {
    const stored = this.checkpoint.tensors.get(name)
    if (stored === undefined) {
      const files = this.checkpoint.files.map((file) => basename(file.path)).join(', ')
      throw new FormatError(
        `${this.checkpoint.folder}: tensor "${name}" [${shape.join(', ')}] must exist; got none in ${files}.`,
      )
    }
    const same =
      stored.shape.length === shape.length && shape.every((size, i) => size === stored.shape[i])
    if (!same) {
      throw new FormatError(
        `${stored.file.path}: tensor "${name}" must have the shape [${shape.join(', ')}]; ` +
          `got [${stored.shape.join(', ')}].`,
      )
    }
    return stored
  }

  private storedLinear(path: string, shape: readonly [number, number]): StoredLinear {
    return {
      path,
      shape,
      dtype: this.dtype,
      tensor: (name, shape, dtypes) => this.mapped(`${path}.${name}`, shape, dtypes),
      skip: (name) => this.#taken.add(`${path}.${name}`),
      requireFinite: (name, values) => this.requireFinite(`${path}.${name}`, values),
    }
  }

  private requireFinite(name: string, values: Tensor): void {
    if (this.checkFinite) this.#sums.set(name, keep(sumSquares([values])))
  }

  private mapped(name: string, shape: readonly number[], dtypes: readonly DType[]): Tensor {
    const stored = this.find(name, shape)
    const dtype = DTYPES[stored.dtype]
    if (dtype === undefined || !dtypes.includes(dtype)) {
      const allowed = Object.keys(DTYPES).filter((key) => dtypes.includes(DTYPES[key] as DType))
      throw new FormatError(
        `${stored.file.path}: tensor "${name}" must be ${inWords(allowed)}; got ${stored.dtype}.`,
      )
    }
    this.#taken.add(name)
    const mapping = this.mappingOf(stored.file.path)
    return new Tensor(native().fromMapping(mapping, stored.byteOffset, dtype, stored.shape))
  }

  private mappingOf(path: string): Mapping {
    const mapping = this.#mappings.get(path) ?? native().mapFile(path)
    this.#mappings.set(path, mapping)
    return mapping
  }

  private fileOf(name: string): string {
    return basename(this.checkpoint.tensors.get(name)?.file.path ?? '')
  }
}

/** 'F32', 'F32 or BF16', 'F32, BF16 or F16'. */
function inWords(names: readonly string[]): string {
  const last = names.at(-1) ?? ''
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} or ${last}`
}
