import type { Tokenizer } from '@llft/tokenizer'
import { describe, expect, test } from 'vitest'
import {
  type Example,
  formatReport,
  IGNORED,
  loadDataset,
  preview,
  type SampleOptions,
  type TokenizeOptions,
  tokenizeDataset,
} from '../src/index.js'
import { CHATML, chatml, errorText, smallTokenizer } from './helpers.js'

async function tokenizeRow(
  row: object,
  tokenizer: Tokenizer = chatml,
  options: SampleOptions = {},
): Promise<Example> {
  const { samples } = await loadDataset([row])
  const { examples } = await tokenizeDataset(samples, tokenizer, options)
  return examples[0] as Example
}

/** The whole text, with what is learnt between brackets. */
const shown = (example: Example, tokenizer = chatml) =>
  preview(example, tokenizer).split(/\n(.*)/s)[1]

const user = (content: string) => ({ role: 'user', content })
const assistant = (content: string) => ({ role: 'assistant', content })
const twoTurns = { messages: [user('q1'), assistant('a1'), user('q2'), assistant('a2')] }

describe('a conversation', () => {
  test('learns each answer with what the template writes behind it', async () => {
    const example = await tokenizeRow(twoTurns)
    expect(shown(example)).toBe(
      '<|im_start|>user\nq1<|im_end|>\n<|im_start|>assistant\n⟦a1<|im_end|>\n⟧' +
        '<|im_start|>user\nq2<|im_end|>\n<|im_start|>assistant\n⟦a2<|im_end|>\n⟧',
    )
    for (const [i, label] of example.labels.entries()) {
      expect([IGNORED, example.ids[i]]).toContain(label)
    }
  })

  test('has the tokens of the prompt that the model is given later, and then the answer', async () => {
    const example = await tokenizeRow({ messages: [user('q'), assistant('an answer')] })
    const prompt = chatml.encodeChat([user('q')], { addGenerationPrompt: true })
    const answer = chatml.encode('an answer<|im_end|>\n')
    expect([...example.ids]).toEqual([...prompt, ...answer])
    expect([...example.labels]).toEqual([...prompt.map(() => IGNORED), ...answer])
  })

  test('learns the last answer only, or everything, if asked', async () => {
    const last = await tokenizeRow(twoTurns, chatml, { train: 'last-assistant' })
    expect(shown(last)).toMatch(/^<[^⟦]*a1<[^⟦]*⟦a2<\|im_end\|>\n⟧$/)
    const all = await tokenizeRow(twoTurns, chatml, { train: 'all' })
    expect(all.labels).toEqual(all.ids)
  })

  test('takes special tokens inside messages for text', async () => {
    const example = await tokenizeRow({ messages: [user('x<|im_end|>'), assistant('<|im_end|>')] })
    expect([...example.ids].filter((id) => id === chatml.eosTokenId)).toHaveLength(2)
    expect(shown(example)).toContain('⟦<|im_end|><|im_end|>\n⟧')
  })

  test('cuts cleanly where a merge would cross into the answer', async () => {
    const tokenizer = smallTokenizer('byte-level', {
      eos_token: '<|im_end|>',
      chat_template:
        "{% for m in messages %}{% if m.role == 'user' %}{{ m.content + 'weig' }}{% else %}{{ m.content + eos_token }}{% endif %}{% endfor %}",
    })
    expect(tokenizer.countTokens('weight')).toBeLessThan(
      tokenizer.countTokens('weig') + tokenizer.countTokens('ht'),
    )
    const example = await tokenizeRow({ messages: [user('A '), assistant('ht')] }, tokenizer)
    expect(shown(example, tokenizer)).toBe('A weig⟦ht<|im_end|>⟧')
  })

  test('may have a template that writes the last answer differently', async () => {
    const tokenizer = smallTokenizer('byte-level', {
      eos_token: '<|im_end|>',
      chat_template:
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}{% if loop.last and m.role == 'assistant' %}{{ '<think></think>' }}{% endif %}{{ m.content + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
    })
    expect(shown(await tokenizeRow(twoTurns, tokenizer), tokenizer)).toBe(
      '<|im_start|>user\nq1<|im_end|>\n<|im_start|>assistant\n⟦a1<|im_end|>\n⟧' +
        '<|im_start|>user\nq2<|im_end|>\n<|im_start|>assistant\n⟦<think></think>a2<|im_end|>\n⟧',
    )
  })

  test('is learnt right with a tokenizer that puts a space before each text', async () => {
    const tokenizer = smallTokenizer('byte-fallback', {
      bos_token: '<s>',
      eos_token: '</s>',
      chat_template:
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}{% else %}{{ ' ' + m.content + ' ' + eos_token }}{% endif %}{% endfor %}",
    })
    const example = await tokenizeRow(twoTurns, tokenizer)
    const text = '<s>[INST] q1 [/INST] a1 </s>[INST] q2 [/INST] a2 </s>'
    expect([...example.ids]).toEqual(tokenizer.encode(text))
    const learnt = [...example.labels].filter((id) => id !== IGNORED)
    expect(tokenizer.decode(learnt, { skipSpecialTokens: false })).toBe('a1 </s> a2 </s>')
  })

  test('that the template rewrites is refused, with its place', async () => {
    const tokenizer = smallTokenizer('byte-level', {
      chat_template: '{% for m in messages %}{{ messages | length }}{{ m.content }}{% endfor %}',
    })
    const text = await errorText(() => tokenizeRow(twoTurns, tokenizer))
    expect(text).toMatch(/^ERR_LLFT_DATA row 0: the chat template must write the turns before/)
    const refusing = smallTokenizer('byte-level', {
      chat_template: "{{ raise_exception('no system turns') }}",
    })
    expect(await errorText(() => tokenizeRow(twoTurns, refusing))).toMatch(
      /^ERR_LLFT_DATA row 0: .*no system turns/,
    )
  })

  test('has a plain form for models without a chat template', async () => {
    const bare = smallTokenizer('byte-level', { eos_token: '<|im_end|>' })
    const row = { instruction: 'Add <|im_end|>', input: '1 2', output: '3', system: 'Be brief.' }
    const example = await tokenizeRow(row, bare)
    expect(shown(example, bare)).toBe(
      'Be brief.\n\n### Instruction:\nAdd <|im_end|>\n1 2\n\n### Response:\n⟦3<|im_end|>⟧',
    )
    expect([...example.ids].filter((id) => id === bare.eosTokenId)).toHaveLength(1)
  })
})

describe('completions and texts', () => {
  const row = { prompt: 'Question: ', completion: 'answer' }

  test('end with EOS, which is learnt', async () => {
    expect(shown(await tokenizeRow(row))).toBe('Question: ⟦answer<|im_end|>⟧')
    expect(shown(await tokenizeRow({ text: 'abc' }))).toBe('⟦abc<|im_end|>⟧')
    expect(shown(await tokenizeRow({ text: 'abc<|im_end|>' }))).toBe('⟦abc<|im_end|>⟧')
    expect(shown(await tokenizeRow(row, chatml, { train: 'all' }))).toMatch(/^⟦Question/)
  })

  test('start with BOS where the tokenizer says so, and never with two', async () => {
    const tokenizer = smallTokenizer('byte-fallback', { bos_token: '<s>', eos_token: '</s>' })
    for (const text of ['abc', '<s>abc']) {
      const { ids, labels } = await tokenizeRow({ text }, tokenizer)
      expect([...ids]).toEqual([1, ...tokenizer.encode('abc'), 2])
      expect(labels).toEqual(ids)
    }
    const { ids, labels } = await tokenizeRow(row, tokenizer)
    expect([...ids]).toEqual([1, ...tokenizer.encode('Question: answer'), 2])
    expect(labels[0]).toBe(IGNORED)
    expect([...labels.slice(-2)]).toEqual([...ids.slice(-2)])
  })
})

describe('long rows', () => {
  const rows = [3, 30, 60].map((n) => ({ messages: [user('q'), assistant('x '.repeat(n))] }))
  const run = async (options: TokenizeOptions) =>
    tokenizeDataset((await loadDataset(rows)).samples, chatml, options)

  test('keep their start, and the report counts them', async () => {
    const { examples, report } = await run({ maxLength: 40 })
    expect(examples.map(({ ids }) => ids.length).slice(1)).toEqual([40, 40])
    expect(report).toMatchObject({ rows: 3, examples: 3, truncated: 2, eosTrained: 1, longest: 40 })
    const sum = (pick: (e: Example) => number) => examples.reduce((n, e) => n + pick(e), 0)
    expect(report.tokens).toBe(sum((e) => e.ids.length))
    expect(report.trainedTokens).toBe(sum((e) => e.labels.filter((l) => l >= 0).length))
    expect(formatReport(report)).toMatch(
      /^3 of 3 rows used; .* 2 truncated; .* EOS learnt in 1 of 3\.$/,
    )
  })

  test('may be dropped or refused instead', async () => {
    expect((await run({ maxLength: 40, truncation: 'drop' })).report).toMatchObject({
      examples: 1,
      tooLong: 2,
      truncated: 0,
      eosTrained: 1,
    })
    expect(await errorText(() => run({ maxLength: 40, truncation: 'error' }))).toMatch(
      /^ERR_LLFT_DATA row 1: a row must fit into 40 tokens; got \d+\. Shorten it, raise maxLength/,
    )
  })

  test('without a learnt token are left out; if none remains it is an error', async () => {
    const prompt = chatml.encodeChat([user('q')], { addGenerationPrompt: true }).length
    const mixed = [...rows, { messages: [user('q '.repeat(50)), assistant('a')] }]
    const { samples } = await loadDataset(mixed)
    const { report } = await tokenizeDataset(samples, chatml, { maxLength: 40 })
    expect(report).toMatchObject({ rows: 4, examples: 3, untrained: 1, truncated: 2 })
    expect(await errorText(() => run({ maxLength: prompt }))).toMatch(
      /^ERR_LLFT_DATA a data set must leave a row to learn from; got none\. 0 of 3/,
    )
    expect(await errorText(() => run({ maxLength: 1 }))).toMatch(
      /^ERR_LLFT_CONFIG tokenizeDataset.maxLength: must be a number from 2 up; got 1/,
    )
  })
})

test('tokenising can be stopped and leaves time for other work', async () => {
  const rows = Array.from({ length: 400 }, (_, i) => ({ text: `row ${i} `.repeat(50) }))
  const { samples } = await loadDataset(rows)
  const controller = new AbortController()
  setImmediate(() => controller.abort())
  await expect(
    tokenizeDataset(samples, chatml, { signal: controller.signal }),
  ).rejects.toMatchObject({ name: 'AbortError' })
})

test('a preview tells where the row is from and how much is learnt', async () => {
  const example = await tokenizeRow({ messages: [user('q'), assistant('a')] })
  const learnt = example.labels.filter((label) => label !== IGNORED).length
  expect(preview(example, chatml).split('\n')[0]).toBe(
    `row 0: ${learnt} of ${example.ids.length} tokens are learnt`,
  )
  expect(CHATML).toContain('<|im_end|>')
})
