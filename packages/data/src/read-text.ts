import { readFile } from 'node:fs/promises'
import type { SourcedRow } from './source.js'
import { decodeUtf8, splitLines } from './split-lines.js'

/** What a document of a text file is: what stands between blank lines, or the whole file. */
export type DocumentRule = 'paragraphs' | 'file'

/**
 * The documents of a text file, as rows of `text`. White space around a document is left out; a file without text has
 * none.
 * @throws DataError naming file and line for what is no UTF-8
 */
export async function* readDocuments(
  file: string,
  documents: DocumentRule,
): AsyncGenerator<SourcedRow> {
  if (documents === 'file') yield* readWhole(file)
  else yield* readParagraphs(file)
}

async function* readWhole(file: string): AsyncGenerator<SourcedRow> {
  const text = decodeUtf8(await readFile(file), file, 1)
    .replace(/^\ufeff/, '')
    .trim()
  if (text !== '') yield { row: { text }, source: { file, line: 1, index: 0, isText: true } }
}

async function* readParagraphs(file: string): AsyncGenerator<SourcedRow> {
  let line = 0
  let index = 0
  let first = 1
  let open: string[] = []
  const close = (): SourcedRow => {
    const text = open.join('\n').trim()
    open = []
    return { row: { text }, source: { file, line: first, index: index++, isText: true } }
  }
  for await (const bytes of splitLines(file)) {
    line++
    const text = decodeUtf8(bytes, file, line).replace(line === 1 ? /^\ufeff|\r$/g : /\r$/, '')
    if (text.trim() !== '') {
      if (open.length === 0) first = line
      open.push(text)
    } else if (open.length > 0) {
      yield close()
    }
  }
  if (open.length > 0) yield close()
}
