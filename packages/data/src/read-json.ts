import { open, readFile, stat } from 'node:fs/promises'
import { DataError } from '@llft/errors'
import { MAX_STRING_BYTES, parseJson } from '@llft/input'
import type { SourcedRow } from './source.js'
import { decodeUtf8, splitLines } from './split-lines.js'

/**
 * The rows of a JSON list, or of one JSON value a line.
 * @throws DataError naming file, line and column
 */
export async function* readJsonRows(file: string): AsyncGenerator<SourcedRow> {
  if ((await firstCharacter(file)) === '[') yield* readList(file)
  else yield* readLines(file)
}

/** The first character that is neither white space nor a byte order mark. */
async function firstCharacter(file: string): Promise<string | undefined> {
  const handle = await open(file, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0)
    return /[^\s\ufeff]/.exec(buffer.toString('utf8', 0, bytesRead))?.[0]
  } finally {
    await handle.close()
  }
}

async function* readList(file: string): AsyncGenerator<SourcedRow> {
  const { size } = await stat(file)
  if (size > MAX_STRING_BYTES) {
    throw new DataError(
      `${file}: a JSON list, which is read as one text, must be at most ${MAX_STRING_BYTES} bytes; got ${size}. Write the rows as JSON Lines, one a line.`,
    )
  }
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

function parse(text: string, file: string, firstLine: number): unknown {
  try {
    return parseJson(text, file, firstLine)
  } catch (error) {
    throw new DataError(`${(error as Error).message}${hint(firstLine, text)}`, { cause: error })
  }
}

/** One object written over many lines fails on its first line, which is hard to see from the error. */
function hint(line: number, text: string): string {
  if (line === 1 && !/^[{[]/.test(text)) {
    return ' Text is read from .txt and .md, tables from .csv and .tsv; any other file must hold JSON.'
  }
  const opens = line === 1 && /^[{[]\s*$/.test(text)
  return opens ? ' A file holds one JSON list, or one JSON object on each line.' : ''
}
