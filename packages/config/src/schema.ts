import { loraRules } from '@llft/lora'
import { above, flag, from, list, oneOf, text, wholeNumber } from '@llft/options'
import { runShape } from '@llft/train'
import { z } from 'zod'

/** A rule of the library with what a command line and an editor show of it: a line, and a unit. */
function option<T extends z.ZodType>(rule: T, description: string, unit?: string) {
  return rule.meta(unit === undefined ? { description } : { description, unit })
}

const files = z.union(
  [text('must be a file'), list(text('must be a file'), 'must be a list of files')],
  'must be a file or a list of files',
)

const modelFields = z.strictObject({
  path: option(text('must be a folder'), 'Folder of a Hugging Face checkpoint'),
  dtype: option(runShape.dtype, 'Type of weights and activations; auto: what is fast here'),
  quantization: option(
    oneOf(['nf4', 'fp4', 'int8']).optional(),
    'Stores the linear layers of the base in 4 or 8 bits (QLoRA)',
  ),
  from_scratch: option(
    flag.default(false),
    'Begin with random weights: the folder has config.json and a tokenizer (method: full)',
  ),
  mmap: option(runShape.mmap, 'Maps the files of the model; false reads them, for network disks'),
  num_labels: z
    .custom<undefined>(
      (value) => value === undefined,
      'must be left out, as this version trains no classification head',
    )
    .optional(),
})

const model = z.preprocess(
  (value) => (typeof value === 'string' ? { path: value } : value),
  modelFields,
)

const data = z.strictObject({
  train: option(files, 'File or files to train on: .jsonl, .json, .csv, .tsv, .txt, .md'),
  eval: option(
    z
      .union(
        [above(0), files],
        'must be a share below 1, a number of rows, a file or a list of files',
      )
      .optional(),
    'Held-out rows: a share of the rows, their number, or a file',
  ),
  max_length: option(runShape.maxLength, 'Most tokens of a row (default: 1024)', 'tokens'),
  packing: option(runShape.packing, 'Puts several rows into each sequence; none sees another'),
  truncation: option(runShape.truncation, 'What happens to longer rows'),
  format: option(runShape.format, 'Form of the rows (default: as the first row)'),
  columns: option(
    runShape.columns,
    'Names of your own columns: { user, assistant }, { prompt, completion } or { text }',
  ),
  documents: option(runShape.documents, 'What a document of a text file is'),
  learn: option(runShape.train, 'Which turns of a conversation are learnt'),
  shuffle: option(runShape.shuffle, 'Takes the rows in a new random order each epoch'),
})

const lora = z.strictObject({
  r: option(loraRules.r.default(16), 'Rank of the adapters'),
  alpha: option(
    loraRules.alpha.removeDefault().optional(),
    'Scale times the rank (default: twice the rank)',
  ),
  targets: option(
    loraRules.targetModules,
    'Linear layers that get an adapter: names, a regular expression or all-linear (the default)',
  ),
  exclude: option(loraRules.excludeModules, 'Layers left out although they match'),
  dropout: option(loraRules.dropout, 'Probability with which an input of an adapter is zeroed'),
  rslora: option(loraRules.useRslora, 'Scales by alpha / sqrt(r)'),
  dora: option(loraRules.useDora, 'Weight-decomposed adapters'),
  plus_ratio: option(above(0).optional(), 'LoRA+: how many times as fast the matrices B learn'),
  bias: option(loraRules.bias, 'Biases that train too'),
  modules_to_save: option(loraRules.modulesToSave, 'Modules trained whole'),
})

const earlyStopping = z.strictObject({
  patience: option(wholeNumber(1), 'Evaluations without an improvement before the run stops'),
  min_change: option(from(0, Number.MAX_VALUE).default(0), 'Least change that is an improvement'),
})

const training = z.strictObject({
  epochs: option(runShape.epochs, 'Passes over the data'),
  steps: option(runShape.maxSteps, 'Number of steps, in place of epochs'),
  batch_size: option(runShape.batchSize, 'Rows of a forward pass; with packing, packs'),
  gradient_accumulation: option(runShape.gradientAccumulation, 'Forward passes of a step'),
  learning_rate: option(runShape.learningRate, 'Peak learning rate'),
  schedule: option(runShape.schedule, 'Shape of the learning rate, a name or { name, ... }'),
  warmup_steps: option(runShape.warmupSteps, 'Steps over which the learning rate rises', 'steps'),
  warmup_ratio: option(runShape.warmupRatio, 'The same as a share of all steps (default: 0.03)'),
  optimizer: option(runShape.optimizer, 'Optimiser, a name or { name, ... }'),
  weight_decay: option(runShape.weightDecay, 'Decay of matrices'),
  label_smoothing: option(
    runShape.labelSmoothing,
    'Part of each target that the vocabulary shares (default: 0)',
  ),
  neftune_alpha: option(
    runShape.neftuneAlpha,
    'Strength of the noise on the embeddings, such as 5 (default: 0)',
  ),
  ema_decay: option(
    runShape.emaDecay,
    'Share that stays in an average of what trains, which is saved (default: none)',
  ),
  last_layers: option(
    wholeNumber(1).optional(),
    'With method: full, how many layers at the end train (default: all, and the embedding)',
  ),
  max_grad_norm: option(
    runShape.maxGradNorm,
    'Bound of the norm of the gradients; 0 clips nothing',
  ),
  gradient_checkpointing: option(
    runShape.checkpointing,
    'Recomputes layers in backward: less memory, a third more time (default: for quantised bases)',
  ),
  save_steps: option(runShape.saveSteps.default(50), 'Steps between checkpoints', 'steps'),
  save_seconds: option(runShape.saveSeconds, 'Time between checkpoints', 's'),
  save_total_limit: option(runShape.saveTotalLimit, 'Checkpoints that are kept beside the best'),
  eval_steps: option(
    runShape.evalEvery,
    'Steps between evaluations (default: first and last)',
    'steps',
  ),
  eval_batch_size: option(runShape.evalBatchSize, 'Rows of a forward pass in evaluation'),
  log_steps: option(wholeNumber(1).default(1), 'Steps between lines of metrics.jsonl', 'steps'),
  early_stopping: option(
    earlyStopping.optional(),
    'Stop when the held-out loss no longer improves',
  ),
  max_skipped_steps: option(
    runShape.maxSkippedSteps,
    'Steps in a row without a finite loss before the run stops',
  ),
  seed: option(runShape.seed, 'Of adapters, order, dropout and the held-out part'),
})

/** The configuration of a training run, as files spell it. */
export const configSchema = z.strictObject({
  model: option(model, 'The base model'),
  data: option(data, 'What is learnt'),
  output: option(
    text('must be a folder'),
    'Folder of the run: configuration, metrics, checkpoints, result',
  ),
  continue_from: option(
    text('must be a folder').optional(),
    'Begin with the weights of this run, checkpoint or adapter (default: those of the model)',
  ),
  method: option(
    oneOf(['lora', 'full']).default('lora'),
    'What trains: adapters, or every parameter',
  ),
  lora: option(lora.optional(), 'The adapters, with method: lora'),
  training: option(training.prefault({}), 'How it is learnt'),
  memory_limit: option(runShape.memoryLimit, 'Memory that the process may hold', 'bytes'),
  report: option(
    list(oneOf(['jsonl', 'tensorboard', 'html', 'wandb']), 'must be a list of names').default([
      'jsonl',
      'html',
    ]),
    'What is written of the run',
  ),
})

/** A configuration with its defaults. */
export type RunConfig = z.output<typeof configSchema>
/** A configuration as people write it: what has a default may be left out. */
export type RunConfigInput = z.input<typeof configSchema>

/** Other spellings that people know, by the path of the one that is meant. */
export const ALIASES: Readonly<Record<string, readonly string[]>> = {
  'model.path': ['model.type', 'model.name'],
  'training.epochs': ['training.num_epochs', 'training.num_train_epochs'],
  'training.steps': ['training.max_steps'],
  'training.batch_size': ['training.per_device_train_batch_size'],
  'training.gradient_accumulation': ['training.gradient_accumulation_steps'],
  'training.schedule': ['training.lr_scheduler_type'],
  'training.log_steps': ['training.logging_steps'],
  'lora.alpha': ['lora.lora_alpha'],
  'lora.dropout': ['lora.lora_dropout'],
  'lora.targets': ['lora.target_modules'],
  'data.max_length': ['data.max_seq_length'],
}
