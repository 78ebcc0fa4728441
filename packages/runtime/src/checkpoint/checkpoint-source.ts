import { basename } from 'node:path'
import type { DType, Mapping } from '@llft/native'
import type { Checkpoint, CheckpointTensor } from '@llft/safetensors'
import { noGrad } from '../autograd/tape.js'
import { FormatError } from '../errors.js'
import type { WeightSource } from '../models/weight-source.js'
import { native } from '../native.js'
import { asType } from '../ops/elementwise.js'
import { DenseWeight, type LinearWeight } from '../ops/linear-weight.js'
import { sumSquares } from '../ops/reduce.js'
import { keep } from '../scope.js'
import { Tensor } from '../tensor.js'

const DTYPES: Readonly<Record<string, DType>> = {
  F32: 'float32',
  BF16: 'bfloat16',
  F16: 'float16',
}

/**
 * Gives a model the tensors of a checkpoint: mapped from the file where they are stored in the compute type, cast
 * otherwise. Remembers what was taken, so that what is left over shows.
 */
export class CheckpointSource implements WeightSource {
  readonly #mappings = new Map<string, Mapping>()
  readonly #taken = new Map<string, Tensor>()
  readonly #sums = new Map<string, Tensor>()

  constructor(
    private readonly checkpoint: Checkpoint,
    readonly dtype: DType,
    private readonly checkFinite: boolean,
  ) {}

  tensor(name: string, shape: readonly number[]): Tensor {
    const stored = this.find(name, shape)
    const tensor = keep(noGrad(() => this.load(stored)))
    this.#taken.set(name, tensor)
    if (this.checkFinite) this.#sums.set(name, keep(sumSquares([tensor])))
    return tensor
  }

  linearWeight(path: string, shape: readonly [number, number]): LinearWeight {
    return new DenseWeight(this.tensor(`${path}.weight`, shape))
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
    for (const tensor of this.#taken.values()) tensor.dispose()
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

  private load(stored: CheckpointTensor): Tensor {
    const dtype = DTYPES[stored.dtype]
    if (dtype === undefined) {
      throw new FormatError(
        `${stored.file.path}: tensor "${stored.name}" must be F32, BF16 or F16; got ${stored.dtype}.`,
      )
    }
    const mapping = this.mappingOf(stored.file.path)
    const handle = native().fromMapping(mapping, stored.byteOffset, dtype, stored.shape)
    const mapped = new Tensor(handle)
    const tensor = asType(mapped, this.dtype)
    if (tensor !== mapped) mapped.dispose()
    return tensor
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
