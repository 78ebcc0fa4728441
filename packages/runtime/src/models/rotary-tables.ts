import type { RopeTables } from '../ops/rope.js'
import { keep } from '../scope.js'
import { Tensor } from '../tensor.js'
import type { RopeConfig } from './decoder-config.js'
import { type RopeFrequencies, ropeFrequencies, sameFrequencies } from './rope-frequencies.js'

/** Cosines and sines of all positions so far, kept between forwards and grown by doubling. */
export class RotaryTables {
  #tables: RopeTables | undefined
  #rows = 0
  #length = 0

  constructor(private readonly config: RopeConfig) {}

  /** Tables for a batch whose largest position is `length - 1`. They stay owned by this object. */
  forLength(length: number): RopeTables {
    const fits = length <= this.#rows && sameFrequencies(this.config, length, this.#length)
    if (this.#tables !== undefined && fits) return this.#tables
    this.dispose()
    const rows = Math.max(256, 2 ** Math.ceil(Math.log2(length)))
    this.#tables = tablesOf(ropeFrequencies(this.config, length), rows)
    this.#rows = rows
    this.#length = length
    return this.#tables
  }

  dispose(): void {
    this.#tables?.cosines.dispose()
    this.#tables?.sines.dispose()
    this.#tables = undefined
    this.#rows = 0
  }
}

/** [rows, rotaryWidth / 2] each; angle, cosine and factor are rounded to float32 one by one. */
function tablesOf({ inverse, attentionFactor }: RopeFrequencies, rows: number): RopeTables {
  const columns = inverse.length
  const cosines = new Float32Array(rows * columns)
  const sines = new Float32Array(rows * columns)
  const factor = Math.fround(attentionFactor)
  for (let position = 0; position < rows; position++) {
    for (let pair = 0; pair < columns; pair++) {
      const angle = Math.fround(position * (inverse[pair] as number))
      cosines[position * columns + pair] = Math.fround(Math.cos(angle)) * factor
      sines[position * columns + pair] = Math.fround(Math.sin(angle)) * factor
    }
  }
  const shape = [rows, columns]
  return { cosines: keep(Tensor.from(cosines, shape)), sines: keep(Tensor.from(sines, shape)) }
}
