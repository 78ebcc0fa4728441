import { choose, type Given, type ImportRule, isGiven } from './import-rules.js'

/** Optimisers by the names of transformers, bitsandbytes, torch, axolotl and mlx. */
const OPTIMIZERS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      'adamw',
      'adam',
      'adamw_torch',
      'adamw_torch_fused',
      'adamw_torch_xla',
      'adamw_hf',
      'adamw_apex_fused',
      'adamw_anyprecision',
      'adamw_bnb',
      'optimi_adamw',
    ].map((name) => [name, 'adamw']),
  ),
  ...Object.fromEntries(
    ['adamw_8bit', 'adamw_bnb_8bit', 'adamw8bit', 'adamw_torch_8bit', 'ao_adamw_8bit'].map(
      (name) => [name, 'adamw8bit'],
    ),
  ),
  paged_adamw: 'paged-adamw',
  paged_adamw_32bit: 'paged-adamw',
  paged_adamw_8bit: 'paged-adamw8bit',
  ...Object.fromEntries(
    ['lion', 'lion_32bit', 'lion_8bit', 'lion_pytorch', 'paged_lion_32bit', 'paged_lion_8bit'].map(
      (name) => [name, 'lion'],
    ),
  ),
  adafactor: 'adafactor',
  sgd: 'sgd',
}

export const optimizer: ImportRule = choose(
  'training.optimizer',
  OPTIMIZERS,
  'there is no optimiser',
)

const ADAM_DEFAULTS = { beta1: 0.9, beta2: 0.999, eps: 1e-8 }

/** A setting of AdamW, which the other optimisers do not have. */
export function adamSetting(name: keyof typeof ADAM_DEFAULTS): ImportRule {
  return (value, all) => {
    if (Number(value) === ADAM_DEFAULTS[name]) return { why: 'is the default here, too' }
    const kind = OPTIMIZERS[String(all.optim ?? all.optimizer ?? 'adamw')] ?? 'adamw'
    if (!kind.includes('adamw')) return { why: 'is a setting of AdamW' }
    return { to: `training.optimizer.${name}`, as: Number(value) }
  }
}

const SCHEDULES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      'linear',
      'cosine',
      'cosine_with_restarts',
      'cosine_with_min_lr',
      'polynomial',
      'constant',
      'constant_with_warmup',
      'inverse_sqrt',
      'warmup_stable_decay',
    ].map((name) => [name, name]),
  ),
  cosine_warmup_with_min_lr: 'cosine_with_min_lr',
}

const scheduleName = choose('training.schedule', SCHEDULES, 'there is no schedule')

/** The name of a schedule; its settings, where they are given, come with the name. */
export const schedule: ImportRule = (value, all) =>
  scheduleSettings(all.lr_scheduler_kwargs, all).to === undefined
    ? scheduleName(value, all)
    : { why: 'lr_scheduler_kwargs says it' }

/** Settings of a schedule by the names of transformers' `lr_scheduler_kwargs`. */
const SCHEDULE_SETTINGS: Readonly<Record<string, string>> = {
  min_lr_rate: 'floor',
  num_cycles: 'cycles',
  power: 'power',
  timescale: 'timescale',
  num_decay_steps: 'decaySteps',
  min_lr_ratio: 'floor',
  warmup_type: 'warmupShape',
  decay_type: 'decayShape',
}

/** `lr_scheduler_kwargs`, with the name of the schedule beside it. */
export const scheduleSettings: ImportRule = (value, all) => {
  const given = (typeof value === 'string' ? safeJson(value) : value) as Given | undefined
  if (typeof given !== 'object' || given === null) return { why: 'is no object' }
  const asked = String(all.lr_scheduler_type ?? all.lr_scheduler ?? 'linear')
  const settings: Record<string, unknown> = { name: SCHEDULES[asked] ?? 'linear' }
  for (const [key, setting] of Object.entries(given)) {
    const name = SCHEDULE_SETTINGS[key]
    if (name !== undefined && isGiven(setting)) settings[name] = setting
    if (key === 'min_lr' || key === 'lr_end') {
      settings.floor = Number(setting) / Number(all.learning_rate ?? 5e-5)
    }
  }
  return Object.keys(settings).length === 1
    ? { why: 'names no setting that is known here' }
    : { to: 'training.schedule', as: settings, why: 'is part of the schedule' }
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** transformers' `constant` does not warm up; the one here does where it is told to. */
const isConstant = (all: Given) => (all.lr_scheduler_type ?? all.lr_scheduler) === 'constant'
const NO_WARMUP = {
  to: 'training.warmup_steps',
  as: 0,
  why: 'constant does not warm up there',
} as const

/** A number of steps, or a share of the run below 1; `warmup_ratio` counts where it is 0. */
export const warmupSteps: ImportRule = (value, all) => {
  if (isConstant(all)) return NO_WARMUP
  const steps = Number(value)
  if (steps === 0 && Number(all.warmup_ratio ?? 0) > 0) return { why: 'warmup_ratio says it' }
  return steps > 0 && steps < 1
    ? { to: 'training.warmup_ratio', as: steps, why: 'is a share of the run' }
    : { to: 'training.warmup_steps', as: steps }
}

export const warmupRatio: ImportRule = (value, all) => {
  if (isConstant(all)) return NO_WARMUP
  if (Number(all.warmup_steps ?? 0) > 0) return { why: 'warmup_steps says it' }
  return { to: 'training.warmup_ratio', as: Number(value) }
}
