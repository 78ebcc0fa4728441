import { TRAINING_ARGUMENTS, WHY } from './common.js'
import { carry, drop, type Given, type ImportRule, type ImportTable } from './import-rules.js'
import { optimizer } from './names.js'

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

const rates: ImportRule = (value) => {
  const { name, warmup = 0 } = value as Given
  const schedule = String(name).startsWith('cosine') ? 'cosine' : 'linear'
  return {
    to: 'training',
    as: { schedule, warmup_steps: warmup },
    why: 'its name and warm-up are taken, its ends are those of the schedule',
  }
}

/** mlx-lm's YAML or command line. */
export function mlxLmTable(given: Given): ImportTable {
  return {
    rules: {
      model: carry('model.path'),
      train: drop('llft train trains'),
      test: drop('is a command here: llft eval'),
      data: (value) => ({
        to: 'data',
        as: { train: `${String(value)}/train.jsonl`, eval: `${String(value)}/valid.jsonl` },
        why: 'is a folder there: train.jsonl and valid.jsonl of it',
      }),
      fine_tune_type: fineTuneType,
      optimizer,
      optimizer_config: drop('goes into training.optimizer: { name, ... }'),
      lora_parameters: parameters,
      num_layers: (value) =>
        Number(value) === -1
          ? { why: 'all layers are adapted anyway' }
          : { why: 'all layers are adapted; layersToTransform of the library takes some' },
      batch_size: carry('training.batch_size'),
      iters: (value, all) => ({
        to: 'training.steps',
        as: Math.ceil(Number(value) / Number(all.grad_accumulation_steps ?? 1)),
        why: 'counts forward passes there, steps here',
      }),
      val_batches: drop('all held-out rows are evaluated'),
      learning_rate: carry('training.learning_rate'),
      lr_schedule: rates,
      steps_per_report: carry('training.log_steps'),
      steps_per_eval: carry('training.eval_steps'),
      save_every: carry('training.save_steps'),
      resume_adapter_file: drop('is a command here: llft resume RUN'),
      adapter_path: (value) => ({
        to: 'output',
        as: value,
        why: 'is the folder of the run, with the adapter in it',
      }),
      max_seq_length: carry('data.max_length'),
      grad_checkpoint: carry('training.gradient_checkpointing'),
      grad_accumulation_steps: carry('training.gradient_accumulation'),
      mask_prompt: (value) =>
        value === true
          ? { why: 'only answers are learnt anyway' }
          : { to: 'data.learn', as: 'all', why: 'is a value of data.learn' },
      seed: carry('training.seed'),
      report_to: TRAINING_ARGUMENTS.report_to as ImportRule,
      project_name: drop('a run is called as its folder'),
      test_batches: drop('is a command here: llft eval'),
      wandb: drop(WHY.logging),
    },
    defaults: {
      batch_size: 4,
      iters: 1000,
      learning_rate: 1e-5,
      max_seq_length: 2048,
      save_every: 100,
      steps_per_eval: 200,
      steps_per_report: 10,
      mask_prompt: false,
      ...(given.fine_tune_type !== 'full' && {
        lora_parameters: { rank: 8, scale: 20, dropout: 0 },
      }),
    },
  }
}
