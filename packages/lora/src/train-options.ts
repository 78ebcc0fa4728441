import type { ColumnMap, DataFormat, DataInput, DocumentRule, SampleOptions } from '@llft/data'
import { ConfigError, type WarningHandler } from '@llft/errors'
import {
  abortSignal,
  above,
  atLeast,
  flag,
  from,
  handler,
  oneOf,
  parseOptions,
  text,
  wholeNumber,
} from '@llft/options'
import { type QuantizationConfig, type QuantizationOptions, quantizationConfig } from '@llft/quant'
import { CausalLM, type ComputeDtype, type DecoderConfig } from '@llft/runtime'
import { Tokenizer } from '@llft/tokenizer'
import { OPTIMIZER_NAMES, type OptimizerName, type ScheduleName } from '@llft/train'
import { z } from 'zod'
import { type LoraConfig, type LoraOptions, loraConfig } from './config.js'
import type { LoraTrainEvent } from './train-events.js'

/** What `loraTrain` takes. Only `model`, `data` and `output` must be given. */
export interface LoraTrainOptions {
  /** Folder of a Hugging Face checkpoint, or a loaded model, which stays the caller's and keeps the new adapter. */
  model: string | CausalLM
  /** Default: the one in the folder of the model. Needed with a loaded model. */
  tokenizer?: Tokenizer | undefined
  /** Name of the base model for the adapter's files. Default: the folder. */
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
  /** Folder for the adapter; it is tried and locked before any work, and its files appear at the end, each whole. */
  output: string
  /** Default: rank 16, alpha twice the rank, every linear layer but the head; else as PEFT. */
  lora?: LoraOptions | undefined
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
  /** Default 'linear'. */
  schedule?: ScheduleName | undefined
  /** Steps over which the learning rate rises from 0. Default: `warmupRatio`. */
  warmupSteps?: number | undefined
  /** The same as a share of all steps. Default 0.03. */
  warmupRatio?: number | undefined
  /** Default 0. */
  weightDecay?: number | undefined
  /** With the default settings of its class. Default 'adamw'. */
  optimizer?: OptimizerName | undefined
  /** Bound of the norm of the gradients; 0 does not clip. Default 1. */
  maxGradNorm?: number | undefined
  /** Most tokens of a row. Default 1024, or the context of the model if that is less. */
  maxLength?: number | undefined
  /** What happens to longer rows. Default 'truncate'; it is reported. */
  truncation?: 'truncate' | 'drop' | 'error' | undefined
  /** Puts several rows into each sequence of `maxLength` tokens; none sees another. Default false. */
  packing?: boolean | undefined
  /** Takes the rows in a new random order each epoch. Default true. */
  shuffle?: boolean | undefined
  /** Of weights and activations; adapters are always float32. Default 'auto': what is fast here. */
  dtype?: ComputeDtype | undefined
  /** Of adapters, order, dropout and the held-out part. Default 42. */
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
  /** Replace an adapter in a folder that holds other files as well; these stay. Default false: such a folder is refused. */
  overwrite?: boolean | undefined
  /** Told what happens. What it throws ends the run; where it returns a promise, a rejection becomes a warning. */
  onEvent?: ((event: LoraTrainEvent) => unknown) | undefined
  /** Told what is amiss although the run goes on. Default: a line on stderr each. */
  onWarning?: WarningHandler | undefined
  /**
   * What stderr shows of the run. 'auto', the default: a line that updates, where stderr is a terminal and there is no
   * `onEvent`. 'lines': a line every ten seconds, in any case. 'none': nothing.
   */
  progress?: 'auto' | 'lines' | 'none' | undefined
  /**
   * End the process when it gets SIGINT, SIGTERM or SIGHUP: the step is finished, the adapter saved, and the exit code 0;
   * 130, 143 or 129 where no step was done, and at once at a second signal. Default false: signals are the program's.
   */
  handleSignals?: boolean | undefined
  /** Stops the run after the step that is running, with a LoraTrainAbortedError. */
  signal?: AbortSignal | undefined
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

const schema = z.strictObject({
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
  lora: z.custom<LoraOptions>(isPlainObject, 'must be an object of LoRA options').optional(),
  epochs: above(0).default(3),
  maxSteps: wholeNumber(1).optional(),
  batchSize: wholeNumber(1).default(4),
  gradientAccumulation: wholeNumber(1).default(1),
  learningRate: atLeast(0).default(2e-4),
  schedule: oneOf(['linear', 'cosine', 'constant']).default('linear'),
  warmupSteps: wholeNumber(0).optional(),
  warmupRatio: from(0, 1).optional(),
  weightDecay: atLeast(0).default(0),
  optimizer: oneOf(OPTIMIZER_NAMES).default('adamw'),
  maxGradNorm: atLeast(0).default(1),
  maxLength: wholeNumber(2).optional(),
  truncation: oneOf(['truncate', 'drop', 'error']).default('truncate'),
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
  onEvent: handler<(event: LoraTrainEvent) => unknown>().optional(),
  onWarning: handler<WarningHandler>().optional(),
  progress: oneOf(['auto', 'lines', 'none']).default('auto'),
  handleSignals: flag.default(false),
  signal: abortSignal.optional(),
})

/** Options with their defaults. */
export type ResolvedTrainOptions = Omit<z.output<typeof schema>, 'lora' | 'quantization'> & {
  lora: LoraConfig
  quantization: QuantizationConfig | undefined
  /** Whether the caller gave options for a new adapter. */
  hasLoraOptions: boolean
}

/**
 * Checks everything that can be checked before a file is read.
 *
 * @throws ConfigError that names the option; a misspelt one comes with the nearest known one.
 */
export function resolveTrainOptions(options: LoraTrainOptions): ResolvedTrainOptions {
  const parsed = parseOptions(schema, options, 'loraTrain')
  const warmup = parsed.warmupSteps === undefined ? { warmupRatio: parsed.warmupRatio ?? 0.03 } : {}
  const quantization = resolveQuantization(parsed, 'loraTrain')
  rejectOptionsOfLoading(parsed, 'loraTrain')
  const hasLoraOptions = parsed.lora !== undefined
  return { ...parsed, ...warmup, quantization, hasLoraOptions, lora: recommendedLora(parsed) }
}

const estimateSchema = schema.partial({ data: true, output: true }).extend({
  model: z.custom<string | CausalLM | DecoderConfig>(
    (value) => (typeof value === 'string' && value !== '') || isPlainObject(value),
    'must be the folder of a checkpoint, its configuration or a loaded model',
  ),
})

/** Options of `estimateMemory` with their defaults. */
export type ResolvedEstimateOptions = Omit<
  z.output<typeof estimateSchema>,
  'lora' | 'quantization'
> & {
  lora: LoraConfig
  quantization: QuantizationConfig | undefined
}

/** The same for `estimateMemory`. */
export function resolveEstimateOptions(options: object): ResolvedEstimateOptions {
  const parsed = parseOptions(estimateSchema, options, 'estimateMemory')
  const quantization = resolveQuantization(parsed, 'estimateMemory')
  return { ...parsed, quantization, lora: recommendedLora(parsed) }
}

function recommendedLora(options: { lora?: LoraOptions | undefined; seed: number }): LoraConfig {
  const { lora = {}, seed } = options
  const r = lora.r ?? 16
  return loraConfig({ r, alpha: 2 * r, targetModules: 'all-linear', seed, ...lora })
}

function resolveQuantization(
  { model, quantization }: Pick<z.output<typeof estimateSchema>, 'model' | 'quantization'>,
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
  { model, dtype }: Pick<z.output<typeof estimateSchema>, 'model' | 'dtype'>,
  where: string,
): void {
  if (!(model instanceof CausalLM)) return
  if (dtype === undefined || dtype === 'auto' || dtype === model.dtype) return
  throw new ConfigError(
    `${where}.dtype: must be left out with a loaded model, which computes in ${model.dtype}; got '${dtype}'. Pass the folder, or loadModel(folder, { dtype: '${dtype}' }).`,
  )
}

function isPlainObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
