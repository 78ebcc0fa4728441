import { createReadStream } from 'node:fs'
import { DataError } from '@llft/errors'
import { CsvError, parse } from 'csv-parse'
import type { SourcedRow } from './source.js'

/**
 * The rows of a table with a header, as RFC 4180 has it: fields in quotes may hold the delimiter, line breaks and doubled
 * quotes. Every field is a text.
 * @throws DataError naming file and line for a row of another length, quotes without an end, and a header with a name
 *   twice or without a name
 */
export async function* readTable(file: string, delimiter: string): AsyncGenerator<SourcedRow> {
  const parser = parse({
    bom: true,
    columns: (header: string[]) => checkHeader(file, header),
    delimiter,
    info: true,
    relax_quotes: false,
    skip_empty_lines: true,
  })
  const source = createReadStream(file)
  source.on('error', (error) => parser.destroy(error))
  source.pipe(parser)
  let index = 0
  try {
    for await (const { record, info } of parser as AsyncIterable<ParsedRow>) {
      yield { row: record, source: { file, line: info.lines, index: index++ } }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const { lines } = error as CsvError & { lines?: number }
    throw new DataError(
      `${file}:${lines ?? 1}: a row must have the fields of the header; got an error: ${error.message}. Put fields with delimiters, quotes or line breaks into quotes.`,
      { cause: error },
    )
  } finally {
    source.destroy()
  }
}

interface ParsedRow {
  readonly record: Record<string, string>
  readonly info: { readonly lines: number }
}

function checkHeader(file: string, header: readonly string[]): string[] {
  const names = header.map((name) => name.trim())
  const twice = names.find((name, place) => names.indexOf(name) !== place)
  if (twice === undefined && !names.includes('')) return names
  const got = twice === undefined || twice === '' ? 'one without a name' : `'${twice}' twice`
  throw new DataError(
    `${file}:1: the first row must name each column once; got ${got}. Add a header, such as prompt,completion.`,
  )
}
