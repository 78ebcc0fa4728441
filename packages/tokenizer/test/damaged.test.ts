import { readFileSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { DataError, FormatError, Tokenizer } from '../src/index.js'

type Json = Record<string, unknown> | unknown[]

function load(name: string): Record<string, unknown> {
  const file = readFileSync(new URL(`./golden/${name}.json`, import.meta.url), 'utf8')
  return (JSON.parse(file) as { tokenizer: Record<string, unknown> }).tokenizer
}

const STRANGE = [null, undefined, -1, 1e300, '\ud800', [], {}, '(?']

/** All objects and lists of a description, without the inside of its vocabulary. */
function places(value: unknown): Json[] {
  if (typeof value !== 'object' || value === null) return []
  const items = Array.isArray(value) ? value.slice(0, 5) : Object.values(value).slice(0, 20)
  return [value as Json, ...items.flatMap(places)]
}

test.each(['byte-level', 'llama3-split', 'byte-fallback', 'metaspace-first'])(
  'damaged descriptions of a %s tokenizer are refused or used, nothing else',
  (name) => {
    // The library warns of a pattern that it leaves out.
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const whole = load(name)
    const count = places(whole).length
    let refused = 0
    for (let place = 0; place < count; place++) {
      for (const [i, value] of STRANGE.entries()) {
        const copy = structuredClone(whole)
        const target = places(copy)[place] as Record<string, unknown>
        const keys = Object.keys(target)
        if (keys.length === 0) continue
        target[keys[(i * 7 + place) % keys.length] as string] = value
        try {
          const tokenizer = Tokenizer.fromJson(copy)
          tokenizer.decode(tokenizer.encode('Hi 字 12 <|im_end|>'))
        } catch (error) {
          if (!(error instanceof FormatError || error instanceof DataError)) throw error
          refused++
        }
      }
    }
    expect(refused).toBeGreaterThan(30)
  },
)
