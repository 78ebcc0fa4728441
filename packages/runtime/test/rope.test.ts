import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseConfig, ropeFrequencies } from '../src/index.js'
import { RotaryTables } from '../src/models/rotary-tables.js'

interface RopeCase {
  name: string
  config: Record<string, unknown>
  length: number
  inverse: number[]
  attentionFactor: number
  positions: number[]
  cosines: number[][]
  sines: number[][]
}

const path = new URL('./fixtures/rope-frequencies.json', import.meta.url)
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: RopeCase[] }

/**
 * A power in float32 is within 1 unit in the last place in either implementation, and up to three more roundings
 * follow: 6 units of 2^-24 relative. 'dynamic' raises a base that itself is rounded to float32 on one side.
 */
const BOUND = 6 * 2 ** -24

describe.each(cases)('rotary frequencies: $name', (reference) => {
  const { rope } = parseConfig(reference.config)
  const { inverse, attentionFactor } = ropeFrequencies(rope, reference.length)

  it('agrees with transformers in every frequency', () => {
    expect(inverse.length).toBe(reference.inverse.length)
    for (const [pair, expected] of reference.inverse.entries()) {
      expect(Math.abs((inverse[pair] as number) - expected)).toBeLessThanOrEqual(BOUND * expected)
    }
    expect(attentionFactor).toBeCloseTo(reference.attentionFactor, 12)
  })

  it('agrees in cosines and sines', async () => {
    const tables = new RotaryTables(rope)
    const { cosines, sines } = tables.forLength(reference.length)
    const columns = inverse.length
    const [cos, sin] = [await cosines.read(), await sines.read()]
    for (const [row, position] of reference.positions.entries()) {
      for (let pair = 0; pair < columns; pair++) {
        // The error of the angle, then rounding of angle, cosine and factor.
        const angle = position * (inverse[pair] as number)
        const bound = attentionFactor * (angle * (BOUND + 2 ** -24) + 4 * 2 ** -24)
        const at = position * columns + pair
        const [cosine, sine] = [reference.cosines[row]?.[pair], reference.sines[row]?.[pair]]
        expect(Math.abs((cos[at] as number) - (cosine as number))).toBeLessThanOrEqual(bound)
        expect(Math.abs((sin[at] as number) - (sine as number))).toBeLessThanOrEqual(bound)
      }
    }
    tables.dispose()
  })
})
