import { choose, type ImportRule } from './import-rules.js'

/** Optimisers by the names of transformers, bitsandbytes, torch and mlx. */
const OPTIMIZERS: Readonly<Record<string, string>> = {
  adamw: 'adamw',
  adam: 'adamw',
  adamw_torch: 'adamw',
  adamw_torch_fused: 'adamw',
  adamw_hf: 'adamw',
  adamw_apex_fused: 'adamw',
  adamw_8bit: 'adamw8bit',
  adamw_bnb_8bit: 'adamw8bit',
  adamw8bit: 'adamw8bit',
  paged_adamw: 'paged-adamw',
  paged_adamw_32bit: 'paged-adamw',
  paged_adamw_8bit: 'paged-adamw8bit',
  lion: 'lion',
  lion_32bit: 'lion',
  lion_pytorch: 'lion',
  adafactor: 'adafactor',
  sgd: 'sgd',
}

export const optimizer: ImportRule = choose(
  'training.optimizer',
  OPTIMIZERS,
  'there is no optimiser',
)

const SCHEDULES = [
  'linear',
  'cosine',
  'cosine_with_restarts',
  'cosine_with_min_lr',
  'polynomial',
  'constant',
  'constant_with_warmup',
  'inverse_sqrt',
  'warmup_stable_decay',
]

export const schedule: ImportRule = choose(
  'training.schedule',
  {
    ...Object.fromEntries(SCHEDULES.map((name) => [name, name])),
    cosine_decay: 'cosine',
    linear_schedule: 'linear',
  },
  'there is no schedule',
)
