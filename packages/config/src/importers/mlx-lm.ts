import type { ImportTable } from './apply-table.js'
import { carry, drop, type Given, type ImportRule, isTrue, onlyMethods } from './import-rules.js'
import { optimizer } from './optimizer-and-schedule.js'
import { continued, reports, WHY, without } from './shared-rules.js'
import { TRAINING_ARGUMENTS } from './training-arguments.js'

const parameters: ImportRule = (value) => {
  const { rank = 8, scale = 20, dropout = 0, keys } = value as Given
  // There an adapter is added `scale` times, here alpha / r times.
  const lora = {
    r: rank,
    alpha: Number(scale) * Number(rank),
    dropout,
    ...(Array.isArray(keys) && { targets: keys.map((key) => String(key).split('.').at(-1)) }),
  }
  return {
    to: 'lora',
    as: lora,
    why: 'alpha is scale times rank; names of layers are their last part',
  }
}

const fineTuneType: ImportRule = (value) => {
  if (value === 'full') return { to: 'method', as: 'full' }
  if (value === 'dora') return { to: 'lora.dora', as: true, why: 'is a setting of lora' }
  return { to: 'method', as: 'lora' }
}

/** The last `num_layers` layers are trained there, or adapted. */
const layers: ImportRule = (value, all) => {
  if (Number(value) === -1) return { why: 'all layers are trained anyway' }
  if (all.fine_tune_type === 'full') return { to: 'training.last_layers', as: Number(value) }
  return {
    why: `all layers are adapted, not the last ${String(value)} alone; layersToTransform of the library takes some`,
  }
}

/** Its schedules begin at the rate in `arguments`, whatever `learning_rate` says. */
const rates: ImportRule = (value) => {
  if (value === 'none')
    return {
      to: 'training',
      as: { schedule: 'constant', warmup_steps: 0 },
      why: 'the rate does not change there',
    }
  const { name, warmup = 0, arguments: given } = value as Given
  const [peak, second, end] = Array.isArray(given) ? given.map(Number) : []
  const shape = scheduleOf(String(name), peak, second, end)
  if (shape === undefined) return { why: `there is no schedule ${String(name)}` }
  return {
    to: 'training',
    as: {
      schedule: shape,
      warmup_steps: warmup,
      ...(peak !== undefined && { learning_rate: peak }),
    },
    why: 'goes on to the last step, whatever its arguments say',
  }
}

function scheduleOf(name: string, peak = 1, second = 0, end = 0) {
  if (name === 'cosine_decay') {
    return end > 0 ? { name: 'cosine_with_min_lr', floor: end / peak } : 'cosine'
  }
  // linear_schedule(init, end, steps)
  if (name === 'linear_schedule') {
    return second > 0 ? { name: 'polynomial', power: 1, floor: second / peak } : 'linear'
  }
  return undefined
}

/** Of the optimiser that is used: decay, means and epsilon. */
const optimizerConfig: ImportRule = (value, all) => {
  const name = String(all.optimizer ?? 'adam')
  const { weight_decay: decay } = ((value as Given)[name] ?? {}) as Given
  if (decay === undefined) return { why: 'goes into training.optimizer: { name, ... }' }
  return { to: 'training.weight_decay', as: Number(decay), why: `is that of ${name}` }
}

/** Counted in forward passes there, in steps here. */
function perStep(option: string): ImportRule {
  return (value, all) => {
    const passes = Number(all.grad_accumulation_steps ?? 1)
    const steps = Math.max(1, Math.floor(Number(value) / passes))
    return {
      to: option,
      as: steps,
      why: passes > 1 ? 'counts forward passes there, steps here' : undefined,
    }
  }
}

/** mlx-lm's YAML or command line. */
export function mlxLmTable(given: Given): ImportTable {
  const isFull = given.fine_tune_type === 'full'
  return {
    rules: {
      model: carry('model.path'),
      train: drop('llft train trains'),
      ...without('is a command here: llft eval', 'test', 'test_batches'),
      data: (value) => ({
        to: 'data',
        as: { train: `${String(value)}/train.jsonl`, eval: `${String(value)}/valid.jsonl` },
        why: 'is a folder there: train.jsonl and valid.jsonl of it',
      }),
      hf_dataset: drop('name files in data.train'),
      fine_tune_type: onlyMethods('fine_tune_type', ['lora', 'dora', 'full'], fineTuneType),
      optimizer,
      optimizer_config: optimizerConfig,
      lora_parameters: parameters,
      lora_layers: layers,
      num_layers: layers,
      batch_size: carry('training.batch_size'),
      iters: perStep('training.steps'),
      val_batches: drop('all held-out rows are evaluated'),
      learning_rate: (value, all) =>
        all.lr_schedule === undefined || all.lr_schedule === null
          ? { to: 'training.learning_rate', as: value }
          : { why: 'lr_schedule says it' },
      lr_schedule: rates,
      steps_per_report: perStep('training.log_steps'),
      steps_per_eval: perStep('training.eval_steps'),
      save_every: perStep('training.save_steps'),
      resume_adapter_file: continued,
      adapter_path: (value) => ({
        to: 'output',
        as: value,
        why: 'is the folder of the run, with the adapter in it',
      }),
      max_seq_length: carry('data.max_length'),
      grad_checkpoint: carry('training.gradient_checkpointing'),
      grad_accumulation_steps: carry('training.gradient_accumulation'),
      clear_cache_threshold: drop(WHY.kernels),
      trust_remote_code: drop(WHY.noCode),
      config: drop('is the file itself'),
      mask_prompt: (value) =>
        isTrue(value)
          ? { to: 'data.learn', as: 'last-assistant', why: 'only the last message is learnt there' }
          : { to: 'data.learn', as: 'all', why: 'is a value of data.learn' },
      seed: carry('training.seed'),
      wandb: () => reports(['wandb']),
      report_to: TRAINING_ARGUMENTS.report_to as ImportRule,
      project_name: drop('a run is called as its folder'),
      'gradient clipping': () => ({
        to: 'training.max_grad_norm',
        as: 0,
        why: 'nothing is clipped there',
      }),
    },
    defaults: {
      batch_size: 4,
      iters: 1000,
      learning_rate: 1e-5,
      lr_schedule: 'none',
      max_seq_length: 2048,
      save_every: 100,
      steps_per_eval: 200,
      steps_per_report: 10,
      mask_prompt: false,
      num_layers: given.lora_layers ?? 16,
      'gradient clipping': 'none',
      ...(given.optimizer === 'adamw' && { optimizer_config: { adamw: { weight_decay: 0.01 } } }),
      ...(!isFull && { lora_parameters: { rank: 8, scale: 20, dropout: 0 } }),
    },
  }
}
