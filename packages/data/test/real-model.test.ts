import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer } from '@llft/tokenizer'
import { describe, expect, test } from 'vitest'
import { IGNORED, loadDataset, tokenizeDataset } from '../src/index.js'

/** Folder of SmolLM2-135M-Instruct's parent, and of the shared data; the tests skip without them. */
const model = join(process.env.LLFT_MODELS ?? 'absent', 'SmolLM2-135M-Instruct')
const shared = process.env.LLFT_SHARED ?? 'absent'
const present = existsSync(model) && existsSync(join(shared, 'data'))

describe.skipIf(!present)('SmolLM2 on real data (LLFT_MODELS, LLFT_SHARED)', () => {
  test('the prompt has as many tokens as in the reference, and the rest is learnt', async () => {
    const file = join(shared, 'data', 'gsm8k_train.jsonl')
    const columns = { user: 'question', assistant: 'answer' }
    const { samples } = await loadDataset(file, { columns })
    const tokenizer = await Tokenizer.fromFolder(model)
    const { examples, report } = await tokenizeDataset(samples.slice(0, 250), tokenizer)
    const expected = JSON.parse(
      readFileSync(join(shared, 'golden/checkpoints/smollm2/expect.json'), 'utf8'),
    ) as { prompt_tokens: number }
    const { ids, labels } = examples[0]!
    expect(labels.findIndex((label) => label !== IGNORED)).toBe(expected.prompt_tokens)
    expect([...labels.subarray(expected.prompt_tokens)]).toEqual([
      ...ids.subarray(expected.prompt_tokens),
    ])
    expect(report).toMatchObject({ rows: 250, examples: 250, truncated: 0, eosTrained: 250 })
  })

  test.each(['alpaca_en_demo.json', 'alpaca_zh_demo.json', 'glaive_toolcall_en_demo.json'])(
    '%s comes back character by character',
    async (name) => {
      const { samples } = await loadDataset(join(shared, 'data', name))
      const tokenizer = await Tokenizer.fromFolder(model)
      for (const sample of samples.slice(0, 100)) {
        const text = sample.kind === 'chat' ? String(sample.messages.at(-1)?.content) : ''
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
      }
    },
  )
})
