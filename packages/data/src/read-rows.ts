import { extname } from 'node:path'
import { DataError } from '@llft/errors'
import { openRegular } from '@llft/input'
import { readJsonRows } from './read-json.js'
import { readTable } from './read-table.js'
import { type DocumentRule, readDocuments } from './read-text.js'
import type { SourcedRow } from './source.js'

/** The kinds of files that are told by their names; all others hold JSON. */
const TEXT = new Set(['.txt', '.text', '.md'])
const TABLES: Readonly<Record<string, string>> = { '.csv': ',', '.tsv': '\t' }

/**
 * The rows of a file: documents of .txt and .md, rows of .csv and .tsv with a header, and otherwise JSON, a list or one
 * value a line, told apart by the first character. All but a JSON list are read piece by piece.
 * @throws DataError naming file and line
 */
export async function* readRows(
  file: string,
  documents: DocumentRule = 'paragraphs',
): AsyncGenerator<SourcedRow> {
  await requireReadable(file)
  const extension = extname(file).toLowerCase()
  const delimiter = TABLES[extension]
  if (TEXT.has(extension)) yield* readDocuments(file, documents)
  else if (delimiter !== undefined) yield* readTable(file, delimiter)
  else yield* readJsonRows(file)
}

async function requireReadable(file: string): Promise<void> {
  try {
    await (await openRegular(file)).close()
  } catch (error) {
    throw new DataError((error as Error).message, { cause: error })
  }
}
