import { describe, expect, test } from 'vitest'
import { type ChatSample, type DataFormat, type LoadOptions, loadDataset } from '../src/index.js'
import { errorText, temporaryFile } from './helpers.js'

const user = (content: string) => ({ role: 'user', content })
const assistant = (content: string) => ({ role: 'assistant', content })
const system = (content: string) => ({ role: 'system', content })

const chats: [string, DataFormat, object, unknown[]][] = [
  ['messages', 'messages', { messages: [user('q'), assistant('a')] }, [user('q'), assistant('a')]],
  [
    'messages with parts, calls and a turn behind the last answer',
    'messages',
    {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'q' },
            { type: 'text', text: '?' },
          ],
        },
        { role: 'assistant', content: null, tool_calls: [{ id: 1 }] },
        user('thanks'),
      ],
    },
    [user('q?'), { role: 'assistant', content: '', tool_calls: [{ id: 1 }] }],
  ],
  [
    'ShareGPT',
    'sharegpt',
    {
      system: 's',
      conversations: [
        { from: 'human', value: 'q' },
        { from: 'function_call', value: '{}' },
        { from: 'observation', value: '42' },
        { from: 'gpt', value: 'a' },
      ],
    },
    [system('s'), user('q'), assistant('{}'), { role: 'tool', content: '42' }, assistant('a')],
  ],
  ['Alpaca', 'alpaca', { instruction: 'q', input: '', output: 'a' }, [user('q'), assistant('a')]],
  [
    'Alpaca with everything',
    'alpaca',
    { instruction: 'q', input: 'i', output: 'a', system: 's', history: [['q0', 'a0']] },
    [system('s'), user('q0'), assistant('a0'), user('q\ni'), assistant('a')],
  ],
]

describe('rows', () => {
  test.each(chats)('written as %s are conversations', async (_what, format, row, messages) => {
    const dataset = await loadDataset([row])
    expect(dataset.format).toBe(format)
    expect(dataset.samples).toEqual([{ kind: 'chat', messages, source: { index: 0 } }])
    expect(await loadDataset([row], { format })).toEqual(dataset)
  })

  test('may be completions or texts', async () => {
    expect((await loadDataset([{ prompt: 'p', completion: 'c', id: 1 }])).samples).toEqual([
      { kind: 'completion', prompt: 'p', completion: 'c', source: { index: 0 } },
    ])
    expect((await loadDataset([{ text: 't' }])).samples).toEqual([
      { kind: 'text', text: 't', source: { index: 0 } },
    ])
  })

  test('may bring functions as a list or as JSON', async () => {
    const row = { messages: [user('q'), assistant('a')] }
    const tools = [{ name: 'f' }]
    for (const given of [tools, JSON.stringify(tools)]) {
      const { samples } = await loadDataset([{ ...row, tools: given }])
      expect((samples[0] as ChatSample).tools).toEqual(tools)
    }
  })

  test('may have columns of their own, or be mapped', async () => {
    const rows = [{ question: 'q', answer: 'a', tone: 's' }]
    const expected = [user('q'), assistant('a')]
    const columns = { user: 'question', assistant: 'answer' }
    const named = await loadDataset(rows, { columns })
    expect(named.format).toBe('columns')
    expect((named.samples[0] as ChatSample).messages).toEqual(expected)
    const toned = await loadDataset(rows, { columns: { ...columns, system: 'tone' } })
    expect((toned.samples[0] as ChatSample).messages).toEqual([system('s'), ...expected])
    const map = (row: unknown) => {
      const { question, answer } = row as { question: string; answer: string }
      return { prompt: question, completion: answer }
    }
    expect((await loadDataset(rows, { map })).samples[0]).toMatchObject({ completion: 'a' })
    expect((await loadDataset(rows, { columns: { text: 'tone' } })).samples[0]).toMatchObject({
      text: 's',
    })
    expect(
      (await loadDataset(rows, { columns: { prompt: 'tone', completion: 'answer' } })).samples[0],
    ).toMatchObject({ prompt: 's', completion: 'a' })
  })

  test('of several files keep their places', async () => {
    const [one, two] = [
      await temporaryFile('{"text":"a"}\n'),
      await temporaryFile('[{"text":"b"}]'),
    ]
    const { samples } = await loadDataset([one, two])
    expect(samples.map(({ source }) => source)).toEqual([
      { file: one, line: 1, index: 0 },
      { file: two, index: 0 },
    ])
  })
})

const good = '{"instruction":"q","output":"a"}\n'
const bad: [string, string, LoadOptions, string][] = [
  [
    'a missing field',
    `${good}{"instruction":"q","input":""}`,
    {},
    'train.jsonl:2: "output" must be a string; got undefined. The row has the fields "instruction", "input".',
  ],
  ['a number', '{"text":7}', {}, 'train.jsonl:1: "text" must be a string; got number 7.'],
  ['null', '{"prompt":null,"completion":"x"}', {}, '"prompt" must be a string; got null.'],
  ['another format later on', `${good}{"text":"x"}`, {}, 'train.jsonl:2: "instruction" must be'],
  [
    'a row that is a list',
    '{"text":"x"}\n[1]',
    {},
    'train.jsonl:2: a row must be an object; got a list.',
  ],
  ['a row that is text', '"x"', {}, 'train.jsonl:1: a row must be an object; got string "x".'],
  ['unknown fields', '{"question":"x"}', {}, 'got "question". Name your own with columns'],
  ['no fields', '{}', {}, 'got no fields.'],
  ['no turns', '{"messages":[]}', {}, '"messages" must hold something; got [].'],
  ['turns that are text', '{"messages":"x"}', {}, '"messages" must be a list; got string "x".'],
  [
    'a turn that is text',
    '{"messages":["x"]}',
    {},
    '"messages[0]" must be an object; got string "x".',
  ],
  [
    'a turn without content',
    '{"messages":[{"role":"user"}]}',
    {},
    '"messages[0].content" must be a string; got undefined. The row has the fields "role".',
  ],
  [
    'no answer',
    '{"messages":[{"role":"user","content":"q"}]}',
    {},
    'train.jsonl:1: a conversation must hold an assistant turn to learn; got user.',
  ],
  [
    'an unknown speaker',
    '{"conversations":[{"from":"toString","value":"x"}]}',
    {},
    '"conversations[0].from" must be one of human, user, gpt',
  ],
  [
    'a bad history',
    '{"instruction":"q","output":"a","history":[["x"]]}',
    {},
    '"history[0]" must be a pair of strings; got a list.',
  ],
  [
    'bad functions',
    '{"messages":[{"role":"assistant","content":"x"}],"tools":"{"}',
    {},
    '"tools" must be a list or a list as JSON',
  ],
  [
    'a missing column',
    '{"q":"x"}',
    { columns: { user: 'q', assistant: 'a' } },
    '"a" must be a string; got undefined.',
  ],
  [
    'a map that throws',
    '{"q":"x"}',
    {
      map: () => {
        throw new Error('no')
      },
    },
    'train.jsonl:1: map must accept the row; got no.',
  ],
]

test.each(bad)('%s is refused with file and line', async (_what, content, options, message) => {
  const file = await temporaryFile(content)
  const text = await errorText(() => loadDataset(file, options))
  expect(text).toContain('ERR_LLFT_DATA train.jsonl:')
  expect(text).toContain(message)
})

test.each([
  [{ fromat: 'text' }, "loadDataset: must have known options only; got 'fromat'. Did you mean"],
  [{ format: 'csv' }, "loadDataset.format: must be 'messages', 'sharegpt', 'alpaca', 'completion'"],
  [{ columns: { user: 'q' } }, 'loadDataset.columns: must be { user, assistant, system? }, {'],
  [{ map: 'lower' }, "loadDataset.map: must be a function; got 'lower'."],
])('%j is refused before a row is read', async (options, message) => {
  await expect(loadDataset('nowhere.jsonl', options as object)).rejects.toThrow(message)
})
