import { createReadStream } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { DataError } from '@llft/errors'
import { jsonErrorIndex, lineAndColumn } from './json-error.js'
import type { SourcedRow } from './source.js'

/**
 * The rows of a file: a JSON list, or one JSON value a line, told apart by the first character and
 * not by the name. Lines are read one by one, so a large file is never in memory as a whole.
 * @throws DataError naming file, line and column
 */
export async function* readRows(file: string): AsyncGenerator<SourcedRow> {
  if ((await firstCharacter(file)) === '[') yield* readList(file)
  else yield* readLines(file)
}

/** The first character that is neither white space nor a byte order mark. */
async function firstCharacter(file: string): Promise<string | undefined> {
  const handle = await open(file, 'r').catch((error: Error) => {
    throw new DataError(`${file}: the file must be readable; got ${error.message}.`)
  })
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0)
    return /[^\s\ufeff]/.exec(buffer.toString('utf8', 0, bytesRead))?.[0]
  } finally {
    await handle.close()
  }
}

async function* readList(file: string): AsyncGenerator<SourcedRow> {
  const text = decodeUtf8(await readFile(file), file, 1).replace(/^\ufeff/, '')
  const rows = parse(text, file, 1) as unknown[]
  for (const [index, row] of rows.entries()) yield { row, source: { file, index } }
}

async function* readLines(file: string): AsyncGenerator<SourcedRow> {
  let line = 0
  let index = 0
  for await (const bytes of splitLines(file)) {
    line++
    let text = decodeUtf8(bytes, file, line)
    if (line === 1) text = text.replace(/^\ufeff/, '')
    if (text.trim() === '') continue
    yield { row: parse(text, file, line), source: { file, line, index: index++ } }
  }
}

const NEWLINE = 0x0a

/** The bytes between newlines. A newline byte is never part of another character in UTF-8. */
async function* splitLines(file: string): AsyncGenerator<Uint8Array> {
  let parts: Buffer[] = []
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      parts.push(chunk.subarray(from, end))
      yield parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
      parts = []
      from = end + 1
    }
    if (from < chunk.length) parts.push(chunk.subarray(from))
  }
  if (parts.length > 0) yield Buffer.concat(parts)
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeUtf8(bytes: Uint8Array, file: string, firstLine: number): string {
  try {
    return UTF8.decode(bytes)
  } catch {
    throw new DataError(
      `${file}:${firstLine + linesBeforeError(bytes)}: text must be UTF-8; got bytes that are not. Save the file as UTF-8.`,
    )
  }
}

/** Whole lines of UTF-8 before the first line that is not. */
function linesBeforeError(bytes: Uint8Array): number {
  let from = 0
  for (let line = 0; ; line++) {
    const end = bytes.indexOf(NEWLINE, from)
    if (end < 0) return line
    try {
      UTF8.decode(bytes.subarray(from, end))
    } catch {
      return line
    }
    from = end + 1
  }
}

function parse(text: string, file: string, firstLine: number): unknown {
  try {
    return JSON.parse(text)
  } catch {
    const at = jsonErrorIndex(text)
    const { line, column } = lineAndColumn(text, at)
    const got = at >= text.trimEnd().length ? 'its end' : JSON.stringify([...text.slice(at)][0])
    throw new DataError(
      `${file}:${firstLine + line - 1}:${column}: the text must be JSON; got ${got} where JSON cannot go on.${hint(firstLine, text)}`,
    )
  }
}

/** One object written over many lines fails on its first line, which is hard to see from the error. */
function hint(line: number, text: string): string {
  const opens = line === 1 && /^[{[]\s*$/.test(text)
  return opens ? ' A file holds one JSON list, or one JSON object on each line.' : ''
}
