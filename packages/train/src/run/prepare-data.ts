import {
  type Batch,
  batches,
  type DataInput,
  type DataReport,
  type Example,
  loadDataset,
  type Sample,
  splitHoldout,
  tokenizeDataset,
} from '@llft/data'
import { ConfigError } from '@llft/errors'
import { contextLimit, type DecoderConfig } from '@llft/runtime'
import type { Tokenizer } from '@llft/tokenizer'
import type { ResolvedEstimateOptions, ResolvedRunOptions } from './run-options.js'

/** The rows of a run as batches. */
export interface PreparedData {
  readonly report: DataReport
  readonly evalReport: DataReport | undefined
  /** Whether rows have turns, which a chat template writes. */
  readonly hasTurns: boolean
  /** What is learnt from and what is held out, in the order of the files. */
  readonly examples: readonly Example[]
  readonly evalExamples: readonly Example[] | undefined
  readonly batchesPerEpoch: number
  readonly batches: (epoch: number) => Iterable<Batch>
  readonly evalBatches: (() => Iterable<Batch>) | undefined
}

/** What decides on the data of a run. */
export type DataOptions = Omit<ResolvedRunOptions, 'model' | 'output'>

/** Most tokens of a row where the options say nothing. */
const DEFAULT_MAX_LENGTH = 1024

/**
 * Reads and tokenises the rows to train on and those held out.
 *
 * @throws DataError naming file and line; ConfigError for a maxLength beyond the context of the model or more than one
 *   way to hold rows out.
 */
export async function prepareData(
  options: DataOptions,
  tokenizer: Tokenizer,
  config: DecoderConfig,
): Promise<PreparedData> {
  const maxLength = resolveMaxLength(options, config)
  const { train, held } = await loadSamples(options)
  const { truncation, signal, train: turns } = options
  const settings = { maxLength, truncation, signal, train: turns }
  const rows = await tokenizeDataset(train, tokenizer, settings)
  const evaluation = held && (await tokenizeDataset(held, tokenizer, settings))
  const order = (epoch: number) => trainBatches(rows.examples, options, { epoch, maxLength })
  return {
    report: rows.report,
    evalReport: evaluation?.report,
    examples: rows.examples,
    evalExamples: evaluation?.examples,
    hasTurns: train.some(({ kind }) => kind === 'chat'),
    batchesPerEpoch: order(0).length,
    batches: order,
    evalBatches: evaluation && (() => evalBatches(evaluation.examples, options)),
  }
}

/** @throws ConfigError for a length beyond the context of the model. */
export function resolveMaxLength(
  { maxLength, where }: Pick<ResolvedEstimateOptions, 'maxLength' | 'where'>,
  config: DecoderConfig,
): number {
  const limit = contextLimit(config)
  if (maxLength !== undefined && maxLength > limit) {
    throw new ConfigError(
      `${where}.maxLength: must be at most the context of the model, ${limit} tokens; got ${maxLength}.`,
    )
  }
  return maxLength ?? Math.min(DEFAULT_MAX_LENGTH, limit)
}

interface Parts {
  readonly train: readonly Sample[]
  readonly held: readonly Sample[] | undefined
}

async function loadSamples(options: DataOptions): Promise<Parts> {
  const { data, evalData, evalFraction, evalCount, seed, where } = options
  const ways = [evalData, evalFraction, evalCount].filter((way) => way !== undefined)
  if (ways.length > 1) {
    throw new ConfigError(
      `${where}: one of evalData, evalFraction and evalCount may be given; got ${ways.length}.`,
    )
  }
  const samples = await load(data, options)
  if (evalData !== undefined) return { train: samples, held: await load(evalData, options) }
  if (ways.length === 0) return { train: samples, held: undefined }
  requireBothParts(samples.length, { evalFraction, evalCount, where })
  const { train, holdout } = splitHoldout(samples, {
    seed,
    fraction: evalFraction,
    count: evalCount,
  })
  return { train, held: holdout }
}

function requireBothParts(
  rows: number,
  { evalFraction = 0, evalCount, where }: Pick<DataOptions, 'evalFraction' | 'evalCount' | 'where'>,
): void {
  const held = evalCount ?? Math.round(rows * evalFraction)
  if (held >= 1 && held < rows) return
  const option = evalCount === undefined ? 'evalFraction' : 'evalCount'
  const value = evalCount ?? evalFraction
  throw new ConfigError(
    `${where}.${option}: both parts must hold a row; got ${value}, which holds out ${held} of ${rows} rows. Give more rows, or evalData.`,
  )
}

async function load(
  input: DataInput,
  { format, columns, documents }: DataOptions,
): Promise<readonly Sample[]> {
  return (await loadDataset(input, { format, columns, documents })).samples
}

function trainBatches(
  examples: readonly Example[],
  { batchSize, shuffle, seed, packing }: DataOptions,
  { epoch, maxLength }: { epoch: number; maxLength: number },
) {
  return batches(examples, {
    batchSize,
    shuffle,
    seed,
    epoch,
    packing,
    maxTokens: maxLength,
  })
}

function evalBatches(examples: readonly Example[], { evalBatchSize, batchSize }: DataOptions) {
  return batches(examples, { batchSize: evalBatchSize ?? batchSize, shuffle: false })
}
