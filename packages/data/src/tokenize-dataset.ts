import { DataError } from '@llft/errors'
import { abortSignal, oneOf, parseOptions } from '@llft/options'
import type { Tokenizer } from '@llft/tokenizer'
import { z } from 'zod'
import { type Example, IGNORED, trainedTokens } from './example.js'
import type { Sample } from './sample.js'
import { sourceName } from './source.js'
import { type SampleOptions, tokenizeSample } from './tokenize-sample.js'

export interface TokenizeOptions extends SampleOptions {
  /** Most tokens of a row; at most the positions of the model. Default: no limit. */
  readonly maxLength?: number | undefined
  /**
   * What happens to a longer row: its start is kept, it is left out, or it is an error. Default `truncate`. A longer
   * document of a text file is not cut but split into several examples; with `split` so is any row of text.
   */
  readonly truncation?: 'truncate' | 'split' | 'drop' | 'error' | undefined
  /** Stops the work. */
  readonly signal?: AbortSignal | undefined
}

/** What became of the rows. */
export interface DataReport {
  readonly rows: number
  /** Rows that are used. */
  readonly examples: number
  readonly tokens: number
  /** Tokens that are learnt. */
  readonly trainedTokens: number
  /** Tokens of the longest row as it is used. */
  readonly longest: number
  /** Rows that were cut to maxLength and are used. */
  readonly truncated: number
  /** Rows left out because they were too long, with truncation 'drop'. */
  readonly tooLong: number
  /** Rows left out because no learnt token remained. */
  readonly untrained: number
  /** Documents of text files that were longer than maxLength, and became several examples each. */
  readonly split: number
  /** Examples that another one of the same document goes on after. */
  readonly continued: number
  /** Used rows whose last answer is learnt up to its EOS or end-of-turn token. */
  readonly eosTrained: number
}

export interface TokenizedDataset {
  readonly examples: readonly Example[]
  readonly report: DataReport
}

const schema = z.strictObject({
  train: oneOf(['all-assistant', 'last-assistant', 'all']).optional(),
  templateVariables: z.record(z.string(), z.unknown(), 'must be an object').optional(),
  // Infinity is no limit.
  maxLength: z
    .custom<number>((value) => (value as number) >= 2, 'must be a number from 2 up')
    .default(Number.POSITIVE_INFINITY),
  truncation: oneOf(['truncate', 'split', 'drop', 'error']).default('truncate'),
  signal: abortSignal.optional(),
} satisfies Record<keyof TokenizeOptions, z.ZodType>)

/** Milliseconds of work after which other work of the process gets its turn. */
const SLICE_MS = 8

/**
 * Tokens and labels of all rows, in their order.
 * @throws DataError naming file and line; also if no row is left
 */
export async function tokenizeDataset(
  samples: readonly Sample[],
  tokenizer: Tokenizer,
  options: TokenizeOptions = {},
): Promise<TokenizedDataset> {
  const { maxLength, truncation } = parseOptions(schema, options, 'tokenizeDataset')
  const examples: Example[] = []
  const count = { truncated: 0, tooLong: 0, untrained: 0, split: 0, continued: 0 }
  let cutBare = 0
  let sliceStart = performance.now()
  for (const sample of samples) {
    if (performance.now() - sliceStart > SLICE_MS) {
      await new Promise((resolve) => setImmediate(resolve))
      options.signal?.throwIfAborted()
      sliceStart = performance.now()
    }
    const full = tokenizeSample(sample, tokenizer, options)
    const long = full.ids.length > maxLength
    if (long && isSplit(sample, truncation)) {
      const parts = chunks(full, maxLength)
      count.split++
      count.continued += parts.length - 1
      examples.push(...parts)
      continue
    }
    if (long && truncation === 'error') throw tooLong(full, maxLength)
    if (long && truncation === 'drop') {
      count.tooLong++
      continue
    }
    const example = long ? cut(full, maxLength) : full
    if (trainedTokens(example.labels) === 0) {
      count.untrained++
      if (long) cutBare++
      continue
    }
    if (long) count.truncated++
    examples.push(example)
  }
  const report = { rows: samples.length, ...count, ...measure(examples, tokenizer) }
  if (examples.length === 0) {
    const fix =
      cutBare + count.tooLong > 0
        ? `Raise maxLength (${maxLength}).`
        : 'No row is too long: look for empty answers, and for a chat template that leaves them out.'
    throw new DataError(
      `a data set must leave a row to learn from; got none. ${formatReport(report)} ${fix}`,
    )
  }
  return { examples, report }
}

/** One line about what became of the rows. */
export function formatReport(report: DataReport): string {
  const { examples, rows, tokens, trainedTokens: trained } = report
  const parts = [
    `${examples} of ${rows} rows used`,
    `${tokens} tokens, ${trained} of them learnt`,
    `longest ${report.longest}`,
    `${report.truncated} truncated`,
    `${report.tooLong + report.untrained} left out (${report.tooLong} too long, ${report.untrained} without a learnt token)`,
    `EOS learnt in ${report.eosTrained} of ${examples}`,
  ]
  return `${parts.join('; ')}.`
}

function tooLong({ ids, source }: Example, maxLength: number): DataError {
  return new DataError(
    `${sourceName(source)}: a row must fit into ${maxLength} tokens; got ${ids.length}. Shorten it, raise maxLength, or set truncation to 'truncate' or 'drop'.`,
  )
}

/** All of a document, in pieces of `length` tokens. */
function isSplit({ kind, source }: Sample, truncation: TokenizeOptions['truncation']): boolean {
  return (
    kind === 'text' && (truncation === 'split' || (truncation === 'truncate' && !!source.isText))
  )
}

function chunks({ ids, labels, source }: Example, length: number): Example[] {
  return Array.from({ length: Math.ceil(ids.length / length) }, (_, i) => {
    const [from, to] = [i * length, (i + 1) * length]
    return { ids: ids.slice(from, to), labels: labels.slice(from, to), source }
  })
}

function cut({ ids, labels, source }: Example, length: number): Example {
  return { ids: ids.slice(0, length), labels: labels.slice(0, length), source }
}

function measure(examples: readonly Example[], tokenizer: Tokenizer) {
  let tokens = 0
  let trained = 0
  let longest = 0
  let eosTrained = 0
  for (const { ids, labels } of examples) {
    tokens += ids.length
    trained += trainedTokens(labels)
    longest = Math.max(longest, ids.length)
    if (endIsTrained(labels, tokenizer)) eosTrained++
  }
  return { examples: examples.length, tokens, trainedTokens: trained, longest, eosTrained }
}

/** Whether the last learnt tokens are EOS or another special token, and white space at most. */
function endIsTrained(labels: Int32Array, tokenizer: Tokenizer): boolean {
  for (let i = labels.length - 1; i >= 0; i--) {
    const id = labels[i] as number
    if (id === IGNORED) return false
    if (id === tokenizer.eosTokenId || tokenizer.isSpecial(id)) return true
    if (tokenizer.decode([id]).trim() !== '') return false
  }
  return false
}
