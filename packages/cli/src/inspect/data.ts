import { extname } from 'node:path'
import {
  formatReport,
  loadDataset,
  preview,
  readRows,
  type Sample,
  tokenizeDataset,
} from '@llft/data'
import { DataError } from '@llft/errors'
import { Tokenizer } from '@llft/tokenizer'
import { formatCount } from '@llft/train'
import { guessColumns } from '../guess-columns.js'
import { shellWord } from '../shell-word.js'
import { formatSize } from '../size.js'
import type { Inspection, InspectOptions, Inspector, Place, Section } from './inspection.js'

const EXTENSIONS = new Set(['.jsonl', '.ndjson', '.json', '.csv', '.tsv', '.txt', '.text', '.md'])
/** Rows whose columns are looked at. */
const SAMPLED_ROWS = 200

/** A file of rows to train on. */
export const dataInspector: Inspector = {
  kind: 'data',
  matches: ({ isFolder, path }) => !isFolder && EXTENSIONS.has(extname(path).toLowerCase()),
  inspect: inspectData,
}

async function inspectData(place: Place, options: InspectOptions): Promise<Inspection> {
  const { path, bytes } = place
  options.onProgress?.(`reading ${path}`)
  const { rows, columns } = await shapeOf(path)
  const guess = await guessColumns(path).catch(() => undefined)
  const dataset = await loadDataset(path, { columns: guess }).catch(problemOf)
  if (dataset instanceof DataError) {
    return {
      summary: `data that cannot be trained on as they are, ${formatSize(bytes)}`,
      facts: { bytes, rows, columns, format: null },
      sections: [{ title: 'Data', rows: [['columns', columns.join(', ')]] }],
      problems: [dataset.message],
      notes: [],
      next: [],
    }
  }
  const { format, samples } = dataset
  const tokens = await tokensOf(samples, options)
  const word = shellWord(path)
  return {
    summary: `data, ${formatCount(samples.length)} rows, ${formatSize(bytes)}`,
    facts: { bytes, rows: samples.length, columns, format, ...tokens?.facts },
    sections: [
      {
        title: 'Data',
        rows: [
          [
            'format',
            guess === undefined ? format : `none that is known; as ${JSON.stringify(guess)}`,
          ],
          ['rows', formatCount(samples.length)],
          ['columns', columns.join(', ')],
          ...turnsOf(samples),
        ],
      },
      ...(tokens?.sections ?? [{ title: 'First row', text: plainText(samples[0] as Sample) }]),
    ],
    problems: tokens?.problems ?? [],
    notes: guess === undefined ? [] : ['Name the columns in the configuration: data.columns.'],
    next:
      options.model === undefined
        ? [[`llft inspect ${word} --model MODEL`, 'see the tokens of it that are learnt']]
        : [],
  }
}

/** What keeps rows from being read is what was asked for. */
function problemOf(error: unknown): DataError {
  if (error instanceof DataError) return error
  throw error
}

/** The number of rows as far as they can be read, and the columns of the first. */
async function shapeOf(path: string): Promise<{ rows: number; columns: string[] }> {
  const columns = new Set<string>()
  let rows = 0
  try {
    for await (const { row } of readRows(path)) {
      if (rows++ < SAMPLED_ROWS && typeof row === 'object' && row !== null) {
        for (const key of Object.keys(row)) columns.add(key)
      }
    }
  } catch (error) {
    problemOf(error)
  }
  return { rows, columns: [...columns] }
}

function turnsOf(samples: readonly Sample[]): (readonly [string, string])[] {
  const turns = samples.map((sample) => (sample.kind === 'chat' ? sample.messages.length : 0))
  const longest = turns.reduce((most, count) => Math.max(most, count), 0)
  if (longest === 0) return []
  const mean = turns.reduce((sum, count) => sum + count, 0) / turns.length
  return [['turns', `${mean.toFixed(1)} on average, at most ${longest}`]]
}

interface TokensPart {
  readonly facts: Readonly<Record<string, unknown>>
  readonly sections: readonly Section[]
  readonly problems: readonly string[]
}

/** The rows as a model sees them; undefined where none was named. */
async function tokensOf(
  samples: readonly Sample[],
  { model, onProgress }: InspectOptions,
): Promise<TokensPart | undefined> {
  if (model === undefined) return undefined
  const tokenizer = await Tokenizer.fromFolder(model)
  onProgress?.(`tokenising ${formatCount(samples.length)} rows`)
  const tokenized = await tokenizeDataset(samples, tokenizer).catch(problemOf)
  if (tokenized instanceof DataError) {
    return { facts: {}, sections: [], problems: [tokenized.message] }
  }
  const { examples, report } = tokenized
  const [first] = examples
  const [, ...lines] = first === undefined ? [] : preview(first, tokenizer).split('\n')
  return {
    facts: { report },
    sections: [
      { title: `Tokens of ${model}`, text: formatReport(report) },
      { title: 'First row, with what is learnt between ⟦ and ⟧', text: lines.join('\n').trimEnd() },
    ],
    problems: [],
  }
}

function plainText(sample: Sample): string {
  if (sample.kind === 'text') return sample.text
  if (sample.kind === 'completion') return `${sample.prompt}${sample.completion}`
  return sample.messages.map(({ role, content }) => `${role}: ${String(content)}`).join('\n')
}
