import type { ColumnMap, DataFormat, DataInput, DocumentRule, SampleOptions } from '@llft/data'
import { ConfigError, type WarningHandler } from '@llft/errors'
import {
  abortSignal,
  above,
  atLeast,
  belowOne,
  flag,
  from,
  handler,
  list,
  oneOf,
  text,
  wholeNumber,
} from '@llft/options'
import { type QuantizationConfig, type QuantizationOptions, quantizationConfig } from '@llft/quant'
import { CausalLM, type ComputeDtype, type DecoderConfig } from '@llft/runtime'
import { Tokenizer } from '@llft/tokenizer'
import { z } from 'zod'
import { CHANGES, type Change } from '../checkpoints/fingerprints.js'
import { type EarlyStopping, earlyStopping } from '../loop/early-stopping.js'
import { lossShape } from '../loop/loss-options.js'
import { callbackList } from '../loop/train-options.js'
import {
  type OptimizerName,
  type OptimizerSettings,
  optimizerRule,
} from '../optimizers/create-optimizer.js'
import { type ScheduleName, type ScheduleSettings, scheduleShape } from '../optimizers/schedule.js'
import type { Adaptation } from './adaptation.js'
import type { RunCallback, RunEvent } from './run-events.js'

/** What every run takes, whatever it trains. Only `model`, `data` and `output` must be given. */
export interface RunOptions {
  /** Folder of a Hugging Face checkpoint, or a loaded model, which stays the caller's and keeps what was trained. */
  model: string | CausalLM
  /** Default: the one in the folder of the model. Needed with a loaded model. */
  tokenizer?: Tokenizer | undefined
  /** Name of the base model for the files of the result. Default: the folder. */
  baseModel?: string | undefined
  /**
   * A file, several, or rows: Alpaca, messages, ShareGPT, prompt/completion or text. By its name a file is text (.txt, .md),
   * a table with a header (.csv, .tsv) or else JSON: a list, or one row a line.
   */
  data: DataInput
  /** Default: the one that the first row has. */
  format?: DataFormat | undefined
  /** The names of your own columns, such as `{ user: 'question', assistant: 'answer' }`. */
  columns?: ColumnMap | undefined
  /** What a document of a .txt or .md file is: what stands between blank lines, or the whole. Default 'paragraphs'. */
  documents?: DocumentRule | undefined
  /** Which turns of a conversation are learnt. Default 'all-assistant'. */
  train?: SampleOptions['train'] | undefined
  /** Folder for the result; it is tried and locked before any work, and its files appear at the end, each whole. */
  output: string
  /** Passes over the data. Default 3. */
  epochs?: number | undefined
  /** Number of steps, in place of `epochs`. */
  maxSteps?: number | undefined
  /** Rows of a forward pass; with packing, packs. Default 4. */
  batchSize?: number | undefined
  /** Forward passes of an optimiser step. Default 1. */
  gradientAccumulation?: number | undefined
  /** Peak learning rate. Default 2e-4. */
  learningRate?: number | undefined
  /** A name of transformers, or one with settings. Default 'linear'. */
  schedule?: ScheduleName | ScheduleSettings | undefined
  /** Steps over which the learning rate rises from 0. Default: `warmupRatio`. */
  warmupSteps?: number | undefined
  /** The same as a share of all steps. Default 0.03. */
  warmupRatio?: number | undefined
  /** Default 0. */
  weightDecay?: number | undefined
  /** A name, or one with settings: `{ name: 'adamw', beta2: 0.95 }`. Default 'adamw'. */
  optimizer?: OptimizerName | OptimizerSettings | undefined
  /** Bound of the norm of the gradients; 0 does not clip. Default 1. */
  maxGradNorm?: number | undefined
  /** Part of each target, in [0, 1), that the whole vocabulary shares. Held-out losses are without it. Default 0. */
  labelSmoothing?: number | undefined
  /** NEFTune: strength of the noise that training adds to the embeddings, such as 5. Default 0: none. */
  neftuneAlpha?: number | undefined
  /** Share that stays in a moving average of what trains, which is evaluated and saved; such as 0.999. Default none. */
  emaDecay?: number | undefined
  /** Most tokens of a row. Default 1024, or the context of the model if that is less. */
  maxLength?: number | undefined
  /** What happens to longer rows. Default 'truncate'; it is reported. */
  truncation?: 'truncate' | 'split' | 'drop' | 'error' | undefined
  /** Puts several rows into each sequence of `maxLength` tokens; none sees another. Default false. */
  packing?: boolean | undefined
  /** Takes the rows in a new random order each epoch. Default true. */
  shuffle?: boolean | undefined
  /** Of weights and activations; what trains is always float32. Default 'auto': what is fast here. */
  dtype?: ComputeDtype | undefined
  /** Of what is added to the model, of order, dropout and the held-out part. Default 42. */
  seed?: number | undefined
  /** Held-out rows, in the form of `data`. */
  evalData?: DataInput | undefined
  /** Share of the rows of `data` to hold out, in place of `evalData`. */
  evalFraction?: number | undefined
  /** Number of rows of `data` to hold out, in place of `evalData`. */
  evalCount?: number | undefined
  /** Steps between evaluations. Default: before and after training only. */
  evalEvery?: number | undefined
  /** Rows of a forward pass in evaluation. Default `batchSize`. */
  evalBatchSize?: number | undefined
  /**
   * Stores the linear layers of the base in 4 or 8 bits (QLoRA), such as 'nf4' or a BitsAndBytesConfig. Default: floats,
   * or what the checkpoint holds. Needs the folder of a model.
   */
  quantization?: QuantizationOptions | undefined
  /** Map the files of the model, as `loadModel` does; false reads them, for network file systems. Default true. */
  mmap?: boolean | undefined
  /** Recompute each layer in backward: less memory, a third more time. Default: whether the base is quantised. */
  checkpointing?: boolean | undefined
  /** Bytes that the process may hold; what needs more is refused. Default: what is free, within its control group. */
  memoryLimit?: number | undefined
  /** Save what is there when `signal` or an error stops the run after a step. Default true. */
  saveOnAbort?: boolean | undefined
  /** Replace a result in a folder that holds other files as well; these stay. Default false: such a folder is refused. */
  overwrite?: boolean | undefined
  /** Told what happens. What it throws ends the run; where it returns a promise, a rejection becomes a warning. */
  onEvent?: ((event: RunEvent) => unknown) | undefined
  /** Told what is amiss although the run goes on. Default: a line on stderr each. */
  onWarning?: WarningHandler | undefined
  /**
   * What stderr shows of the run. 'auto', the default: a line that updates, where stderr is a terminal and there is no
   * `onEvent`. 'lines': a line every ten seconds, in any case. 'none': nothing.
   */
  progress?: 'auto' | 'lines' | 'none' | undefined
  /**
   * End the process when it gets SIGINT, SIGTERM or SIGHUP: the step is finished, the result saved, and the exit code 0;
   * 130, 143 or 129 where no step was done, and at once at a second signal. Default false: signals are the program's.
   */
  handleSignals?: boolean | undefined
  /** Stops the run after the step that is running, with a RunAbortedError. */
  signal?: AbortSignal | undefined
  /** Folder for checkpoints, one for each in `step-N`. Default none: the run cannot be resumed. */
  checkpoints?: string | undefined
  /** Steps between checkpoints. Default: none but when the run is stopped or asked for one. */
  saveSteps?: number | undefined
  /** Seconds between checkpoints, in place of or beside `saveSteps`. */
  saveSeconds?: number | undefined
  /** Checkpoints that are kept, beside the one of the lowest held-out loss. Default 3. */
  saveTotalLimit?: number | undefined
  /**
   * Go on from the last checkpoint in `checkpoints` that is whole; the run ends with the bits of one that was never
   * interrupted. 'auto' begins anew where there is none. Default false: a folder with checkpoints is refused.
   */
  resume?: boolean | 'auto' | undefined
  /** What may differ from what the checkpoint recorded; the bits of the uninterrupted run are then not to be had. Default nothing. */
  allowChanges?: readonly Change[] | undefined
  /** Steps in a row without a finite loss or gradient that are skipped before the run stops; 1 stops at the first. Default 3. */
  maxSkippedSteps?: number | undefined
  /** Stop when a figure no longer improves. Default never. */
  earlyStopping?: EarlyStopping | undefined
  /** What takes part in the run, see TrainCallback. */
  callbacks?: readonly RunCallback[] | undefined
}

const dataInput = z.custom<DataInput>(
  (value) => (typeof value === 'string' && value !== '') || Array.isArray(value),
  'must be a file, a list of files or a list of rows',
)
const columnMap = z.union(
  [
    z.strictObject({ user: z.string(), assistant: z.string(), system: z.string().optional() }),
    z.strictObject({ prompt: z.string(), completion: z.string() }),
    z.strictObject({ text: z.string() }),
  ],
  'must be { user, assistant, system? }, { prompt, completion } or { text }',
)

/** The rules of the options of a run: what takes them adds its own. */
export const runShape = {
  model: z.union(
    [z.string().min(1), z.instanceof(CausalLM)],
    'must be the folder of a checkpoint or a loaded model',
  ),
  tokenizer: z
    .custom<Tokenizer>((value) => value instanceof Tokenizer, 'must be a Tokenizer')
    .optional(),
  baseModel: z.string('must be a name').optional(),
  data: dataInput,
  format: oneOf(['messages', 'sharegpt', 'alpaca', 'completion', 'text']).optional(),
  columns: columnMap.optional(),
  documents: oneOf(['paragraphs', 'file']).optional(),
  train: oneOf(['all-assistant', 'last-assistant', 'all']).optional(),
  output: text('must be a folder'),
  epochs: above(0).default(3),
  maxSteps: wholeNumber(1).optional(),
  batchSize: wholeNumber(1).default(4),
  gradientAccumulation: wholeNumber(1).default(1),
  learningRate: atLeast(0).default(2e-4),
  schedule: scheduleShape.schedule,
  warmupSteps: wholeNumber(0).optional(),
  warmupRatio: from(0, 1).optional(),
  weightDecay: atLeast(0).default(0),
  optimizer: optimizerRule.default('adamw'),
  maxGradNorm: atLeast(0).default(1),
  ...lossShape,
  emaDecay: belowOne.optional(),
  maxLength: wholeNumber(2).optional(),
  truncation: oneOf(['truncate', 'split', 'drop', 'error']).default('truncate'),
  packing: flag.default(false),
  shuffle: flag.default(true),
  dtype: oneOf(['float32', 'bfloat16', 'auto']).optional(),
  seed: wholeNumber(0).default(42),
  evalData: dataInput.optional(),
  evalFraction: above(0).lt(1, 'must be below 1').optional(),
  evalCount: wholeNumber(1).optional(),
  evalEvery: wholeNumber(1).optional(),
  evalBatchSize: wholeNumber(1).optional(),
  quantization: z.custom<QuantizationOptions>().optional(),
  mmap: flag.optional(),
  checkpointing: flag.optional(),
  memoryLimit: wholeNumber(1).optional(),
  saveOnAbort: flag.default(true),
  overwrite: flag.optional(),
  onEvent: handler<(event: RunEvent) => unknown>().optional(),
  onWarning: handler<WarningHandler>().optional(),
  progress: oneOf(['auto', 'lines', 'none']).default('auto'),
  handleSignals: flag.default(false),
  signal: abortSignal.optional(),
  checkpoints: text('must be a folder').optional(),
  saveSteps: wholeNumber(1).optional(),
  saveSeconds: above(0).optional(),
  saveTotalLimit: wholeNumber(1).default(3),
  resume: oneOf([true, false, 'auto']).default(false),
  allowChanges: list(oneOf(CHANGES), 'must be a list of names').default([]),
  maxSkippedSteps: wholeNumber(1).default(3),
  earlyStopping: earlyStopping.optional(),
  callbacks: callbackList<RunEvent>().default([]),
}

/** Options of a run with their defaults. */
export interface ResolvedRunOptions
  extends Omit<z.output<z.ZodObject<typeof runShape>>, 'quantization'> {
  readonly adaptation: Adaptation
  readonly quantization: QuantizationConfig | undefined
  /** Starts every message: the function that was called. */
  readonly where: string
}

type ParsedRunOptions = z.output<z.ZodObject<typeof runShape>>

/**
 * Checks what the rules of single options do not say.
 *
 * @throws ConfigError that names the option.
 */
export function resolveRunOptions(
  parsed: ParsedRunOptions,
  adaptation: Adaptation,
  where: string,
): ResolvedRunOptions {
  const warmup = parsed.warmupSteps === undefined ? { warmupRatio: parsed.warmupRatio ?? 0.03 } : {}
  const quantization = resolveQuantization(parsed, where)
  rejectOptionsOfLoading(parsed, where)
  rejectIdleCheckpoints(parsed, where)
  return { ...parsed, ...warmup, quantization, adaptation, where }
}

/** The same rules for an estimate: a configuration may stand for the model, and data and output may be missing. */
export const estimateShape = {
  ...runShape,
  data: runShape.data.optional(),
  output: runShape.output.optional(),
  model: z.custom<string | CausalLM | DecoderConfig>(
    (value) => (typeof value === 'string' && value !== '') || isPlainObject(value),
    'must be the folder of a checkpoint, its configuration or a loaded model',
  ),
}

type ParsedEstimateOptions = z.output<z.ZodObject<typeof estimateShape>>

/** Options of an estimate with their defaults. */
export interface ResolvedEstimateOptions extends Omit<ParsedEstimateOptions, 'quantization'> {
  readonly adaptation: Adaptation
  readonly quantization: QuantizationConfig | undefined
  readonly where: string
}

/** @throws ConfigError that names the option. */
export function resolveEstimateOptions(
  parsed: ParsedEstimateOptions,
  adaptation: Adaptation,
  where: string,
): ResolvedEstimateOptions {
  return { ...parsed, quantization: resolveQuantization(parsed, where), adaptation, where }
}

function resolveQuantization(
  { model, quantization }: Pick<ParsedEstimateOptions, 'model' | 'quantization'>,
  where: string,
): QuantizationConfig | undefined {
  if (quantization === undefined) return undefined
  const config = quantizationConfig(quantization, `${where}.quantization`)
  if (!(model instanceof CausalLM)) return config
  throw new ConfigError(
    `${where}.quantization: must be left out with a loaded model, which is what it is; got one. Pass the folder, or load it with loadQuantizedModel.`,
  )
}

/** A loaded model is what it is. */
function rejectOptionsOfLoading(
  { model, dtype }: Pick<ParsedEstimateOptions, 'model' | 'dtype'>,
  where: string,
): void {
  if (!(model instanceof CausalLM)) return
  if (dtype === undefined || dtype === 'auto' || dtype === model.dtype) return
  throw new ConfigError(
    `${where}.dtype: must be left out with a loaded model, which computes in ${model.dtype}; got '${dtype}'. Pass the folder, or loadModel(folder, { dtype: '${dtype}' }).`,
  )
}

/** Checkpoints need a folder. */
function rejectIdleCheckpoints(options: ParsedRunOptions, where: string): void {
  if (options.checkpoints !== undefined) return
  const { saveSteps, saveSeconds, resume } = options
  const given = Object.entries({ saveSteps, saveSeconds, resume }).find(([, value]) => value)
  if (given === undefined) return
  throw new ConfigError(
    `${where}.checkpoints: must be given with ${given[0]}; got nothing. Name the folder for checkpoints.`,
  )
}

function isPlainObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
