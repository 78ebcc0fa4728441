import { DataError } from '@llft/errors'
import { oneOf, parseOptions, text } from '@llft/options'
import { z } from 'zod'
import {
  type ColumnMap,
  type DataFormat,
  detectFormat,
  readColumns,
  readSample,
} from './formats.js'
import { readRows } from './read-rows.js'
import type { DocumentRule } from './read-text.js'
import { Row } from './row.js'
import type { Sample } from './sample.js'
import { type Source, type SourcedRow, sourceName } from './source.js'

/** A file, several files, or rows already in memory. */
export type DataInput = string | readonly string[] | readonly object[]

export interface LoadOptions {
  /** Default: the one that the first row has. All rows must have the same. */
  readonly format?: DataFormat | undefined
  /** The user's own column names, instead of a format. */
  readonly columns?: ColumnMap | undefined
  /**
   * What a document of a .txt or .md file is: what stands between blank lines, or the whole file. Default 'paragraphs'.
   */
  readonly documents?: DocumentRule | undefined
  /** Turns a row into one of a known format before anything else. */
  readonly map?: ((row: unknown, source: Source) => unknown) | undefined
}

const name = text('must be the name of a column')
const schema = z.strictObject({
  format: oneOf(['messages', 'sharegpt', 'alpaca', 'completion', 'text']).optional(),
  columns: z
    .union(
      [
        z.strictObject({ user: name, assistant: name, system: name.optional() }),
        z.strictObject({ prompt: name, completion: name }),
        z.strictObject({ text: name }),
      ],
      'must be { user, assistant, system? }, { prompt, completion } or { text }',
    )
    .optional(),
  documents: oneOf(['paragraphs', 'file']).default('paragraphs'),
  map: z
    .custom<LoadOptions['map']>((value) => typeof value === 'function', 'must be a function')
    .optional(),
} satisfies Record<keyof LoadOptions, z.ZodType>)

/** Rows in the common form. */
export interface Dataset {
  /** The format that was given or found; `columns` if columns were named. */
  readonly format: DataFormat | 'columns'
  readonly samples: readonly Sample[]
}

/**
 * Reads rows and brings them into the common form.
 * @throws DataError naming file and line, or if there is no row at all; ConfigError for an option that does not hold
 */
export async function loadDataset(input: DataInput, options: LoadOptions = {}): Promise<Dataset> {
  const { columns, map, documents, ...given } = parseOptions(schema, options, 'loadDataset')
  const samples: Sample[] = []
  let { format } = given
  for await (const { row: value, source } of rowsOf(input, documents)) {
    const mapped = map ? applyMap(map, value, source) : value
    const row = Row.from(mapped, source)
    rejectBadAnswer(row)
    if (columns) {
      samples.push(readColumns(row, columns))
    } else {
      format ??= detectFormat(row)
      samples.push(readSample(row, format))
    }
  }
  if (samples.length === 0) {
    throw new DataError(`${inputName(input)}: a data set must hold at least one row; got none.`)
  }
  return { format: columns ? 'columns' : (format as DataFormat), samples }
}

/** Rows of preference data say of each answer whether it is good; learning the bad ones would be the opposite of that. */
function rejectBadAnswer(row: Row): void {
  if (row.get('label') !== false) return
  throw new DataError(
    `${row.where}: "label" must not be false, which marks a bad answer (KTO data); got false. Leave such rows out: what is learnt here is every answer as it stands.`,
  )
}

async function* rowsOf(input: DataInput, documents: DocumentRule): AsyncGenerator<SourcedRow> {
  const items: readonly (string | object)[] = typeof input === 'string' ? [input] : input
  for (const [index, item] of items.entries()) {
    if (typeof item === 'string') yield* readRows(item, documents)
    else yield { row: item, source: { index } }
  }
}

function applyMap(map: NonNullable<LoadOptions['map']>, row: unknown, source: Source): unknown {
  try {
    return map(row, source)
  } catch (error) {
    throw new DataError(
      `${sourceName(source)}: map must accept the row; got ${(error as Error).message}.`,
      { cause: error },
    )
  }
}

function inputName(input: DataInput): string {
  if (typeof input === 'string') return input
  const files = input.filter((item) => typeof item === 'string')
  return files.length > 0 ? files.join(', ') : 'rows'
}
