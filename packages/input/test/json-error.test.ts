import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonErrorIndex, lineAndColumn } from '../src/json-error.js'

test('the place of an error is where no JSON could go on', () => {
  expect(lineAndColumn('a\n字b', 3)).toEqual({ line: 2, column: 2 })
  fc.assert(
    fc.property(
      fc.json(),
      fc.nat(),
      fc.string({ minLength: 1, maxLength: 1 }),
      (json, at, sign) => {
        expect(jsonErrorIndex(json)).toBe(json.length)
        const cut = at % (json.length + 1)
        const changed = json.slice(0, cut) + sign + json.slice(cut)
        let parses = true
        try {
          JSON.parse(changed)
        } catch {
          parses = false
        }
        // A number may go on behind a good text, and a text may end too early: both end the scan late.
        if (parses) expect(jsonErrorIndex(changed)).toBe(changed.length)
        else expect(jsonErrorIndex(changed)).toBeGreaterThanOrEqual(0)
        expect(jsonErrorIndex(json.slice(0, cut))).toBeLessThanOrEqual(cut)
      },
    ),
    { numRuns: 500, seed: 5 },
  )
})
