import type { FullTrainingOptions, LoraTrainOptions } from '@llft/lora'
import type { RunConfig } from './schema.js'

/** What the library takes for a configuration; `method` says which function. */
export interface ConfiguredRun {
  readonly method: RunConfig['method']
  /** For `loraTrain`, or without `lora` and `loraPlusRatio` for `fineTune`. */
  readonly options: LoraTrainOptions
  /** For `fullTraining`, with which `fineTune` trains. */
  readonly full: FullTrainingOptions
}

/** Where a run of this configuration keeps its things, below its folder. */
export function runFolders({ output, method }: Pick<RunConfig, 'output' | 'method'>) {
  return {
    result: `${output}/${method === 'lora' ? 'adapter' : 'model'}`,
    checkpoints: `${output}/checkpoints`,
    metrics: `${output}/metrics.jsonl`,
    config: `${output}/config.json`,
  }
}

/** The options of the library that a configuration stands for. */
export function runOptionsOf(config: RunConfig): ConfiguredRun {
  const { model, data, training, method } = config
  const { result, checkpoints } = runFolders(config)
  const options: LoraTrainOptions = {
    model: model.path,
    dtype: model.dtype,
    quantization: model.quantization,
    mmap: model.mmap,
    data: data.train as string,
    ...heldOut(data.eval),
    maxLength: data.max_length,
    packing: data.packing,
    truncation: data.truncation,
    format: data.format,
    columns: data.columns,
    documents: data.documents,
    train: data.learn,
    shuffle: data.shuffle,
    output: result,
    checkpoints,
    epochs: training.epochs,
    maxSteps: training.steps,
    batchSize: training.batch_size,
    gradientAccumulation: training.gradient_accumulation,
    learningRate: training.learning_rate,
    schedule: training.schedule,
    warmupSteps: training.warmup_steps,
    warmupRatio: training.warmup_ratio,
    optimizer: training.optimizer,
    weightDecay: training.weight_decay,
    maxGradNorm: training.max_grad_norm,
    labelSmoothing: training.label_smoothing,
    neftuneAlpha: training.neftune_alpha,
    emaDecay: training.ema_decay,
    checkpointing: training.gradient_checkpointing,
    saveSteps: training.save_steps,
    saveSeconds: training.save_seconds,
    saveTotalLimit: training.save_total_limit,
    evalEvery: training.eval_steps,
    evalBatchSize: training.eval_batch_size,
    maxSkippedSteps: training.max_skipped_steps,
    earlyStopping: earlyStoppingOf(training.early_stopping),
    seed: training.seed,
    memoryLimit: config.memory_limit,
  }
  // Of steps and epochs the library wants one.
  if (options.maxSteps !== undefined) delete options.epochs
  const full = { lastLayers: training.last_layers }
  return {
    method,
    full,
    options: method === 'lora' ? { ...options, ...loraOf(config.lora) } : options,
  }
}

function heldOut(given: RunConfig['data']['eval']) {
  if (typeof given === 'number') return given < 1 ? { evalFraction: given } : { evalCount: given }
  return given === undefined ? {} : { evalData: given as string }
}

function earlyStoppingOf(given: RunConfig['training']['early_stopping']) {
  return given && { patience: given.patience, minChange: given.min_change }
}

function loraOf(lora: RunConfig['lora']) {
  if (lora === undefined) return {}
  const { alpha, targets, exclude, plus_ratio: loraPlusRatio } = lora
  return {
    loraPlusRatio,
    lora: {
      r: lora.r,
      ...(alpha !== undefined && { alpha }),
      ...(targets !== undefined && { targetModules: targets }),
      ...(exclude !== undefined && { excludeModules: exclude }),
      dropout: lora.dropout,
      useRslora: lora.rslora,
      useDora: lora.dora,
      bias: lora.bias,
      modulesToSave: lora.modules_to_save,
    },
  }
}
