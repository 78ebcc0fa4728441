import { basename } from 'node:path'
import { FormatError } from '@llft/errors'
import type { Checkpoint } from '@llft/safetensors'
import { sumSquares } from '../ops/reduce.js'
import { keep } from '../scope.js'
import type { Tensor } from '../tensor.js'

/** Sums the squares of weights as they are loaded: a sum is finite only where all of them are. */
export class FiniteCheck {
  readonly #sums = new Map<string, Tensor>()

  add(name: string, values: Tensor): void {
    this.#sums.set(name, keep(sumSquares([values])))
  }

  /** @throws FormatError naming the tensors that hold NaN or infinity. */
  async rejectNonFinite(checkpoint: Checkpoint): Promise<void> {
    const sums = [...this.#sums]
    const values = await Promise.all(sums.map(([, sum]) => sum.item()))
    const bad = sums.filter((_, index) => !Number.isFinite(values[index])).map(([name]) => name)
    if (bad.length === 0) return
    const fileOf = (name: string) => basename(checkpoint.tensors.get(name)?.file.path ?? '')
    const named = bad.slice(0, 5).map((name) => `"${name}" in ${fileOf(name)}`)
    const more = bad.length > 5 ? ` and ${bad.length - 5} more` : ''
    throw new FormatError(
      `${checkpoint.folder}: weights must be finite; got NaN or infinity in ${named.join(', ')}${more}.`,
    )
  }

  dispose(): void {
    for (const sum of this.#sums.values()) sum.dispose()
    this.#sums.clear()
  }
}
