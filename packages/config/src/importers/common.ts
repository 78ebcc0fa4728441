import { carry, change, drop, type ImportRule } from './import-rules.js'

/** Reasons that several tools share. */
export const WHY = {
  ranks: 'this version trains in one process',
  hub: 'nothing is sent anywhere; results lie in the folder of the run',
  kernels: 'LLFT has its own kernels, and chooses them',
  workers: 'rows are tokenised ahead of the steps anyway',
  logging: 'is decided by --quiet, --json and report',
  method: 'is no method of this version',
} as const

/** `bf16: true` and its kin. */
export const bfloat16: ImportRule = (value) =>
  value === true || value === 'true'
    ? { to: 'model.dtype', as: 'bfloat16' }
    : { why: 'the type is chosen for this machine (model.dtype: auto)' }

/** `all-linear`, `all`, a list, or names with commas between. */
export const targets: ImportRule = (value) => {
  if (value === 'all' || value === 'all-linear') {
    return value === 'all'
      ? { to: 'lora.targets', as: 'all-linear', why: "is called 'all-linear' here" }
      : { to: 'lora.targets', as: value }
  }
  if (typeof value !== 'string' || !value.includes(',')) return { to: 'lora.targets', as: value }
  return {
    to: 'lora.targets',
    as: value.split(',').map((name) => name.trim()),
    why: 'is a list here',
  }
}

/** A number of warm-up steps, or a share of the run below 1. */
export const warmup: ImportRule = (value) =>
  typeof value === 'number' && value > 0 && value < 1
    ? { to: 'training.warmup_ratio', as: value, why: 'is a share of the run' }
    : { to: 'training.warmup_steps', as: value }

/** -1 stands for nothing. */
export const maxSteps: ImportRule = (value) =>
  Number(value) > 0 ? { to: 'training.steps', as: value } : { why: 'stands for no limit' }

/** 4 or 8 bits, as a number. */
export const bits: ImportRule = (value, all) => {
  const format = Number(value) === 8 ? 'int8' : String(all.quantization_type ?? 'nf4')
  return { to: 'model.quantization', as: format, why: `${String(value)} bits are ${format} here` }
}

export const load4bit: ImportRule = (value, all) =>
  value === true || value === 'true'
    ? {
        to: 'model.quantization',
        as: String(all.bnb_4bit_quant_type ?? 'nf4'),
        why: 'is named by its format',
      }
    : { why: 'is off' }

export const load8bit: ImportRule = (value) =>
  value === true || value === 'true'
    ? { to: 'model.quantization', as: 'int8', why: 'is named by its format' }
    : { why: 'is off' }

/** Resuming is a command. */
export const resuming = drop('is a command here: llft resume RUN')

/** Where reports go, by the names of transformers. */
export const reportTo: ImportRule = (value) => {
  const names = [value].flat().map(String)
  if (names.includes('none') || names.includes('[]')) return { why: 'jsonl and html stay' }
  const known = names.filter((name) => name === 'tensorboard' || name === 'wandb')
  if (known.length === 0) return { why: `there is no report to ${names.join(', ')}` }
  return { to: 'report', as: ['jsonl', 'html', ...known], why: 'jsonl and html come along' }
}

export const quantizationType = drop('is part of model.quantization')

export const evalShare: ImportRule = (value) =>
  Number(value) > 0 ? { to: 'data.eval', as: value } : { why: 'nothing is held out' }

/** Of transformers' Trainer, which most tools build on. */
export const TRAINING_ARGUMENTS: Readonly<Record<string, ImportRule>> = {
  per_device_train_batch_size: carry('training.batch_size'),
  per_device_eval_batch_size: carry('training.eval_batch_size'),
  gradient_accumulation_steps: carry('training.gradient_accumulation'),
  num_train_epochs: carry('training.epochs'),
  max_steps: maxSteps,
  learning_rate: carry('training.learning_rate'),
  warmup_steps: warmup,
  warmup_ratio: carry('training.warmup_ratio'),
  weight_decay: carry('training.weight_decay'),
  max_grad_norm: carry('training.max_grad_norm'),
  gradient_checkpointing: carry('training.gradient_checkpointing'),
  gradient_checkpointing_kwargs: drop('there is one way to recompute'),
  seed: carry('training.seed'),
  data_seed: drop('one seed stands for all (training.seed)'),
  save_steps: change('training.save_steps', Number, 'whole steps'),
  save_strategy: drop('checkpoints come every training.save_steps steps'),
  save_total_limit: carry('training.save_total_limit'),
  save_only_model: drop('a checkpoint is always whole'),
  load_best_model_at_end: drop('the best checkpoint is kept beside the last ones'),
  metric_for_best_model: drop('the best is that of the lowest held-out loss'),
  greater_is_better: drop('the best is that of the lowest held-out loss'),
  eval_steps: change('training.eval_steps', Number, 'whole steps'),
  eval_strategy: drop('evaluations come every training.eval_steps steps'),
  evaluation_strategy: drop('evaluations come every training.eval_steps steps'),
  do_train: drop('llft train trains'),
  do_eval: drop('what is held out is evaluated'),
  logging_steps: change('training.log_steps', Number, 'whole steps'),
  logging_strategy: drop(WHY.logging),
  logging_dir: drop('metrics lie in the folder of the run'),
  logging_first_step: drop(WHY.logging),
  output_dir: carry('output'),
  overwrite_output_dir: drop('a folder with a run is never written over'),
  bf16: bfloat16,
  fp16: drop('half precision is bfloat16 here, where the machine has it'),
  tf32: drop(WHY.kernels),
  report_to: reportTo,
  run_name: drop('a run is called as its folder'),
  resume_from_checkpoint: resuming,
  push_to_hub: drop(WHY.hub),
  hub_model_id: drop(WHY.hub),
  ddp_timeout: drop(WHY.ranks),
  ddp_find_unused_parameters: drop(WHY.ranks),
  deepspeed: drop(WHY.ranks),
  fsdp: drop(WHY.ranks),
  fsdp_config: drop(WHY.ranks),
  dataloader_num_workers: drop(WHY.workers),
  dataloader_pin_memory: drop(WHY.workers),
  remove_unused_columns: drop('columns that nothing needs are not read'),
  group_by_length: drop('rows keep their random order; packing wastes no token'),
  average_tokens_across_devices: drop(WHY.ranks),
  torch_compile: drop(WHY.kernels),
  save_safetensors: drop('everything is safetensors'),
  label_smoothing_factor: carry('training.label_smoothing'),
  neftune_noise_alpha: carry('training.neftune_alpha'),
  adam_beta1: drop('goes into training.optimizer: { name: adamw, beta1 }'),
  adam_beta2: drop('goes into training.optimizer: { name: adamw, beta2 }'),
  adam_epsilon: drop('goes into training.optimizer: { name: adamw, eps }'),
  lr_scheduler_kwargs: drop('goes into training.schedule: { name, ... }'),
}
