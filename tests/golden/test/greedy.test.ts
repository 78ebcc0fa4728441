import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { batchOf, type CausalLM, loadModel } from '@llft/runtime'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readNow } from '../src/adapter.js'
import { readCase, tensorOf } from '../src/cases.js'
import { greedyTokens } from '../src/greedy.js'

const MODELS = fileURLToPath(new URL('../models', import.meta.url))
const PROMPT = 6

let expected: number[]
let folder: string
let model: CausalLM

// A model that would end the text with the second of its greedy tokens.
beforeEach(async () => {
  expected = Array.from(tensorOf(await readCase(MODELS, 'llama-mha'), 'greedy').values)
  folder = await mkdtemp(join(tmpdir(), 'llft-golden-'))
  await cp(join(MODELS, 'llama-mha'), folder, { recursive: true })
  const path = join(folder, 'generation_config.json')
  const config = JSON.parse(await readFile(path, 'utf8'))
  await writeFile(path, JSON.stringify({ ...config, eos_token_id: expected[PROMPT + 1] }))
  model = await loadModel(folder, { dtype: 'float32' })
})

afterEach(async () => {
  model.dispose()
  await rm(folder, { recursive: true })
})

test('greedy tokens pass over the end, as those of the reference do', async () => {
  const end = expected[PROMPT + 1]!
  const ids = await greedyTokens(model, expected.slice(0, PROMPT), expected.length)
  expect(ids).toHaveLength(expected.length)
  expect(ids.slice(0, PROMPT + 1)).toEqual(expected.slice(0, PROMPT + 1))
  const logits = await readNow(() => model.logits(model.forward(batchOf([ids]))))
  const width = logits.length / ids.length
  for (let at = PROMPT; at < ids.length; at++) {
    const row = logits.slice((at - 1) * width, at * width)
    row[end] = Number.NEGATIVE_INFINITY
    expect(ids[at]).toBe(row.indexOf(Math.max(...row)))
  }
})
