import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Tokenizer } from '@llft/tokenizer'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadDataset, tokenizeDataset } from '../src/index.js'

let work: string
let tokenizer: Tokenizer

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'llft-files-'))
  tokenizer = await Tokenizer.fromFolder(
    fileURLToPath(new URL('../../../demo/model', import.meta.url)),
  )
  return () => rm(work, { recursive: true })
})

async function file(name: string, content: string): Promise<string> {
  const path = join(work, name)
  await writeFile(path, content)
  return path
}

async function texts(path: string, documents?: 'paragraphs' | 'file'): Promise<string[]> {
  const { samples, format } = await loadDataset(path, { documents })
  expect(format).toBe('text')
  return samples.map((sample) => (sample as { text: string }).text)
}

describe('a text file', () => {
  const prose = '\ufeffOne\r\ntwo\r\n\r\n \t\nthree\n\n\n'

  it('is a document for each paragraph, or one', async () => {
    const path = await file('prose.txt', prose)
    expect(await texts(path)).toEqual(['One\ntwo', 'three'])
    expect(await texts(path, 'file')).toEqual(['One\r\ntwo\r\n\r\n \t\nthree'])
    const { samples } = await loadDataset(path)
    expect(samples.map(({ source }) => source.line)).toEqual([1, 5])
  })

  it('is split where a document is too long, and nothing is lost', async () => {
    const path = await file('long.md', `${'word and '.repeat(200)}\n\nshort`)
    const { samples } = await loadDataset(path)
    const whole = await tokenizeDataset(samples, tokenizer)
    const { examples, report } = await tokenizeDataset(samples, tokenizer, { maxLength: 64 })
    expect(examples.flatMap(({ ids }) => [...ids])).toEqual(
      whole.examples.flatMap(({ ids }) => [...ids]),
    )
    expect(Math.max(...examples.map(({ ids }) => ids.length))).toBe(64)
    expect(report).toMatchObject({
      rows: 2,
      split: 1,
      continued: examples.length - 2,
      truncated: 0,
    })
  })

  it('is not needed to split rows of text, where that is asked for', async () => {
    const { samples } = await loadDataset([{ text: 'word and '.repeat(200) }])
    const cut = await tokenizeDataset(samples, tokenizer, { maxLength: 64 })
    expect(cut.report).toMatchObject({ truncated: 1, split: 0, examples: 1 })
    const whole = await tokenizeDataset(samples, tokenizer)
    const split = await tokenizeDataset(samples, tokenizer, { maxLength: 64, truncation: 'split' })
    expect(split.report).toMatchObject({ truncated: 0, split: 1, tokens: whole.report.tokens })
  })

  it('without text has no row', async () => {
    await expect(loadDataset(await file('empty.txt', ' \n\n'))).rejects.toThrow(/at least one row/)
  })
})

describe('a table', () => {
  it('has rows by its header, with quotes as RFC 4180 has them', async () => {
    const path = await file(
      'rows.csv',
      '\ufeffprompt,completion\r\n"a, ""b""\nc",d\r\n\r\n e ,"f"\r\n',
    )
    const { samples, format } = await loadDataset(path)
    expect(format).toBe('completion')
    expect(samples).toMatchObject([
      { prompt: 'a, "b"\nc', completion: 'd' },
      { prompt: ' e ', completion: 'f' },
    ])
  })

  it('takes columns of any name, and tabs', async () => {
    const path = await file('rows.tsv', 'question\tanswer\nWhy, so?\tBecause\n')
    const { samples } = await loadDataset(path, {
      columns: { user: 'question', assistant: 'answer' },
    })
    expect(samples).toMatchObject([{ messages: [{ content: 'Why, so?' }, { content: 'Because' }] }])
  })

  it.each([
    ['a row that is too short', 'a,b\n1,2\n3\n', /rows\.csv:3: a row must have the fields/],
    ['quotes without an end', 'a,b\n"1,2\n', /rows\.csv:\d: .*Quote Not Closed/i],
    ['a name twice', 'a,a\n1,2\n', /rows\.csv:1: .*got 'a' twice/],
    ['a column without a name', 'a,\n1,2\n', /got one without a name/],
  ])('with %s is refused', async (_, content, message) => {
    const path = await file('rows.csv', content)
    await expect(loadDataset(path)).rejects.toMatchObject({ code: 'ERR_LLFT_DATA' })
    await expect(loadDataset(path)).rejects.toThrow(message)
  })
})

describe('what is no data', () => {
  it('says what is read, for a file of another kind', async () => {
    const path = await file('notes.rtf', 'Some text')
    await expect(loadDataset(path)).rejects.toThrow(
      /must be JSON; got "S".*Text is read from .txt and .md, tables from .csv and .tsv/,
    )
  })

  it('names a folder, a pipe and a missing file', async () => {
    const pipe = join(work, 'pipe.jsonl')
    execFileSync('mkfifo', [pipe])
    await expect(loadDataset(work)).rejects.toThrow(/must be a file; got a folder/)
    await expect(loadDataset(pipe)).rejects.toThrow(/special file \(pipe\)/)
    await expect(loadDataset(join(work, 'no.jsonl'))).rejects.toThrow(/got no such file/)
    await expect(loadDataset(pipe)).rejects.toMatchObject({ code: 'ERR_LLFT_DATA' })
  })

  it('a JSON list beyond the longest text is told so', async () => {
    const path = await file('huge.json', '[')
    await truncate(path, 600e6)
    await expect(loadDataset(path)).rejects.toThrow(
      /JSON list, .* at most 536870888 bytes; got 600000000. Write the rows as JSON Lines/,
    )
  })

  it('rows of deep nests are refused before they cost anything', async () => {
    const path = await file('deep.jsonl', `{"text":"a"}\n{"text":${'['.repeat(5_000_000)}`)
    const started = performance.now()
    await expect(loadDataset(path)).rejects.toThrow(/deep.jsonl:2:\d+: JSON must be at most 64/)
    expect(performance.now() - started).toBeLessThan(2000)
  })

  it('answers that are marked as bad are not learnt', async () => {
    const rows = [{ prompt: 'a', completion: 'b', label: false }]
    await expect(loadDataset(rows)).rejects.toThrow(/row 0: "label" must not be false/)
    await expect(loadDataset([{ ...rows[0], label: true }])).resolves.toMatchObject({
      format: 'completion',
    })
  })
})

describe('a data set that leaves nothing', () => {
  it('tells short of empty', async () => {
    const long = [{ prompt: 'word '.repeat(100), completion: 'x' }]
    const { samples } = await loadDataset(long)
    await expect(tokenizeDataset(samples, tokenizer, { maxLength: 20 })).rejects.toThrow(
      /Raise maxLength \(20\)/,
    )
    const messages = [
      {
        messages: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: '' },
        ],
      },
    ]
    const template = "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}"
    const silent = Tokenizer.fromJson(
      JSON.parse(
        execFileSync('cat', [
          fileURLToPath(new URL('../../../demo/model/tokenizer.json', import.meta.url)),
        ]).toString(),
      ),
      { chat_template: template },
    )
    const chats = (await loadDataset(messages)).samples
    await expect(tokenizeDataset(chats, silent, { maxLength: 20 })).rejects.toThrow(
      /No row is too long: look for empty answers, and for a chat template/,
    )
  })
})
