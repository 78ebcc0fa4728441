import { describe, expect, test } from 'vitest'
import { loadDataset, readRows } from '../src/index.js'
import { errorText, temporaryFile } from './helpers.js'

async function rowsOf(content: string | Uint8Array, name?: string) {
  const rows = []
  for await (const { row, source } of readRows(await temporaryFile(content, name))) {
    rows.push([row, source.line ?? `[${source.index}]`])
  }
  return rows
}

describe('files', () => {
  test.each<[string, string, unknown[]]>([
    [
      'lines',
      '{"a":1}\n{"a":2}\n',
      [
        [{ a: 1 }, 1],
        [{ a: 2 }, 2],
      ],
    ],
    [
      'no newline at the end',
      '{"a":1}\n{"a":2}',
      [
        [{ a: 1 }, 1],
        [{ a: 2 }, 2],
      ],
    ],
    [
      'carriage returns',
      '{"a":1}\r\n{"a":2}\r\n',
      [
        [{ a: 1 }, 1],
        [{ a: 2 }, 2],
      ],
    ],
    [
      'blank lines, which count',
      '\n  \n{"a":1}\n\n{"a":2}\n',
      [
        [{ a: 1 }, 3],
        [{ a: 2 }, 5],
      ],
    ],
    ['a byte order mark', '\ufeff{"a":1}\n', [[{ a: 1 }, 1]]],
    [
      'a list',
      ' [{"a":1},\n {"a":2}]\n',
      [
        [{ a: 1 }, '[0]'],
        [{ a: 2 }, '[1]'],
      ],
    ],
    ['a list with a byte order mark', '\ufeff[{"a":1}]', [[{ a: 1 }, '[0]']]],
    ['nothing', '', []],
    ['other separators inside a text', '{"a":"x\u2028y\u0085"}\n', [[{ a: 'x\u2028y\u0085' }, 1]]],
  ])('with %s are read', async (_what, content, expected) => {
    expect(await rowsOf(content)).toEqual(expected)
  })

  test('are told apart by their content, not by their name', async () => {
    expect(await rowsOf('{"a":1}\n{"a":2}', 'train.json')).toHaveLength(2)
    expect(await rowsOf('[{"a":1}]', 'train.jsonl')).toHaveLength(1)
  })

  test('may have lines and characters that span the pieces they are read in', async () => {
    const text = '字😀'.repeat(40_000)
    const rows = await rowsOf(`${JSON.stringify({ text })}\n${JSON.stringify({ text })}\n`)
    expect(rows).toEqual([
      [{ text }, 1],
      [{ text }, 2],
    ])
  })

  test.each<[string, string | Uint8Array, string]>([
    ['a bad row', '{"a":1}\n{"a":2,}\n', 'train.jsonl:2:8: the text must be JSON; got "}" where'],
    [
      'an unfinished row',
      '{"a":1}\n\n{"a":',
      'train.jsonl:3:6: the text must be JSON; got its end',
    ],
    [
      'a bad word',
      '{"a":"字", "b": nope}',
      'train.jsonl:1:16: the text must be JSON; got "n" where',
    ],
    [
      'an object over many lines',
      '{\n  "a": 1\n}\n',
      'A file holds one JSON list, or one JSON object',
    ],
    [
      'a bad list',
      '[{"a":1},\n{"a":2}\n{"a":3}]',
      'train.jsonl:3:1: the text must be JSON; got "{"',
    ],
    ['plain text', 'Hello', 'train.jsonl:1:1: the text must be JSON; got "H" where'],
    [
      'bytes that are not UTF-8',
      new Uint8Array([...Buffer.from('{"a":1}\n{"a":"'), 0xff, 0x22, 0x7d]),
      'train.jsonl:2: text must be UTF-8',
    ],
    [
      'a list with bytes that are not UTF-8',
      new Uint8Array([...Buffer.from('[1,\n2,\n"'), 0xe4, 0x22, 0x5d]),
      'train.jsonl:3: text must be UTF-8',
    ],
  ])('with %s are refused at line and column', async (_what, content, message) => {
    const text = await errorText(() => rowsOf(content))
    expect(text).toContain('ERR_LLFT_DATA')
    expect(text).toContain(message)
  })

  test('that are missing or empty are refused', async () => {
    expect(await errorText(() => loadDataset('/nowhere/train.jsonl'))).toMatch(
      /readable; got no such file/,
    )
    const empty = await temporaryFile('\n\n')
    expect(await errorText(() => loadDataset(empty))).toBe(
      'ERR_LLFT_DATA train.jsonl: a data set must hold at least one row; got none.',
    )
    expect(await errorText(() => loadDataset([]))).toMatch(/rows: a data set must hold/)
  })
})
