import { carry, drop, type Given, type ImportRule, isGiven } from './import-rules.js'
import {
  adamSetting,
  scheduleSettings,
  warmupRatio,
  warmupSteps,
} from './optimizer-and-schedule.js'
import {
  bfloat16,
  everySteps,
  maxSteps,
  perEpoch,
  recompute,
  reportTo,
  resuming,
  WHY,
  without,
} from './shared-rules.js'

/** How often held-out rows are evaluated; 'no' is never but at the ends. */
const evalStrategy: ImportRule = (value, all) => {
  if (value === 'no') return { why: 'held-out rows are evaluated at the start and at the end' }
  if (value === 'epoch') return perEpoch('eval')(value, all)
  if (isGiven(all.eval_steps)) return { why: 'evaluations come every training.eval_steps steps' }
  const steps = Number(all.logging_steps ?? 500)
  return { to: 'training.eval_steps', as: steps, why: 'is as often as logging_steps there' }
}

const strategyOf = (all: Given) => all.eval_strategy ?? all.evaluation_strategy

const evalSteps: ImportRule = (value, all) =>
  strategyOf(all) === 'no'
    ? { why: 'eval_strategy is no' }
    : everySteps('training.eval_steps')(value, all)

const saveStrategy: ImportRule = (value, all) => {
  if (value === 'epoch') return perEpoch('save')(value, all)
  if (value === 'no')
    return { why: 'a run always has checkpoints; training.save_steps spaces them out' }
  return { why: 'checkpoints come every training.save_steps steps' }
}

/** Of transformers' Trainer, which most tools build on. */
export const TRAINING_ARGUMENTS: Readonly<Record<string, ImportRule>> = {
  per_device_train_batch_size: carry('training.batch_size'),
  per_device_eval_batch_size: carry('training.eval_batch_size'),
  gradient_accumulation_steps: carry('training.gradient_accumulation'),
  num_train_epochs: carry('training.epochs'),
  max_steps: maxSteps,
  learning_rate: carry('training.learning_rate'),
  warmup_ratio: warmupRatio,
  warmup_steps: warmupSteps,
  weight_decay: carry('training.weight_decay'),
  max_grad_norm: carry('training.max_grad_norm'),
  adam_beta1: adamSetting('beta1'),
  adam_beta2: adamSetting('beta2'),
  adam_epsilon: adamSetting('eps'),
  lr_scheduler_kwargs: scheduleSettings,
  gradient_checkpointing: recompute,
  gradient_checkpointing_kwargs: drop('there is one way to recompute'),
  label_smoothing_factor: carry('training.label_smoothing'),
  neftune_noise_alpha: carry('training.neftune_alpha'),
  seed: carry('training.seed'),
  data_seed: drop('one seed stands for all (training.seed)'),
  save_steps: everySteps('training.save_steps'),
  save_strategy: saveStrategy,
  save_total_limit: carry('training.save_total_limit'),
  save_only_model: drop('a checkpoint is always whole'),
  load_best_model_at_end: drop('the best checkpoint is kept beside the last ones'),
  ...without(
    'the best is that of the lowest held-out loss',
    'metric_for_best_model',
    'greater_is_better',
  ),
  evaluation_strategy: evalStrategy,
  eval_strategy: evalStrategy,
  eval_steps: evalSteps,
  do_train: drop('llft train trains'),
  ...without('what is held out is evaluated', 'do_eval', 'do_predict', 'eval_on_start'),
  eval_accumulation_steps: drop('nothing of an evaluation is kept but its sums'),
  logging_steps: everySteps('training.log_steps'),
  ...without(WHY.logging, 'logging_strategy', 'logging_first_step', 'log_level', 'disable_tqdm'),
  logging_dir: drop('metrics lie in the folder of the run'),
  output_dir: carry('output'),
  overwrite_output_dir: drop('a folder with a run is never written over'),
  bf16: bfloat16,
  fp16: drop('half precision is bfloat16 here, where the machine has it'),
  report_to: reportTo,
  run_name: drop('a run is called as its folder'),
  project: drop('a run is called as its folder'),
  resume_from_checkpoint: resuming,
  ...without(
    WHY.hub,
    'push_to_hub',
    'hub_model_id',
    'hub_strategy',
    'hub_token',
    'hub_private_repo',
  ),
  ...without(
    WHY.ranks,
    'ddp_timeout',
    'ddp_find_unused_parameters',
    'ddp_backend',
    'deepspeed',
    'fsdp',
    'fsdp_config',
    'local_rank',
    'accelerator_config',
    'average_tokens_across_devices',
  ),
  ...without(
    WHY.workers,
    'dataloader_num_workers',
    'dataloader_pin_memory',
    'dataloader_prefetch_factor',
    'dataset_num_proc',
    'preprocessing_num_workers',
    'dataset_processes',
  ),
  ...without(
    WHY.kernels,
    'tf32',
    'torch_compile',
    'use_liger_kernel',
    'liger_kernel_config',
    'torch_empty_cache_steps',
    'use_cpu',
    'device_map',
  ),
  dataset_kwargs: drop('rows are read as data says'),
  dataloader_drop_last: drop('every row is learnt'),
  remove_unused_columns: drop('columns that nothing needs are not read'),
  group_by_length: drop('rows keep their random order; packing wastes no token'),
  train_sampling_strategy: (value) =>
    value === 'sequential'
      ? { to: 'data.shuffle', as: false, why: 'is on or off here' }
      : { why: 'rows come in a random order' },
  activation_offloading: drop(
    'activations stay in memory: training.gradient_checkpointing saves it',
  ),
  auto_find_batch_size: drop('memory is planned before the first step: llft estimate'),
  optim_args: drop('settings of an optimiser go into training.optimizer: { name, ... }'),
  optim_target_modules: drop('is for optimisers that are not here'),
  save_safetensors: drop('everything is safetensors'),
  include_num_input_tokens_seen: drop('metrics have the tokens of every step'),
}
