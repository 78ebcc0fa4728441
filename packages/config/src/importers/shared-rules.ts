import { drop, type ImportRule, isTrue } from './import-rules.js'

/** Reasons that several tools share. */
export const WHY = {
  ranks: 'this version trains in one process',
  hub: 'nothing is sent anywhere; results lie in the folder of the run',
  kernels: 'LLFT has its own kernels, and chooses them',
  workers: 'rows are tokenised ahead of the steps anyway',
  logging: 'is decided by --quiet, --json and report',
  noCode: 'no code of a model is ever run',
  folders: 'models are folders',
  packedEval: 'held-out rows are not packed, which changes nothing but speed',
  padding: 'there is never padding',
  start: 'is no start of this version',
  preferences: 'is for preferences',
} as const

/** `bf16: true` and its kin. */
export const bfloat16: ImportRule = (value) =>
  isTrue(value)
    ? { to: 'model.dtype', as: 'bfloat16' }
    : { why: 'the type is chosen for this machine (model.dtype: auto)' }

/** `all-linear`, `all`, a list, or names with commas between. One name stays as it is: an expression. */
export const targets: ImportRule = (value) => {
  if (value === 'all') {
    return { to: 'lora.targets', as: 'all-linear', why: "is called 'all-linear' here" }
  }
  if (typeof value !== 'string' || !value.includes(',')) return { to: 'lora.targets', as: value }
  return { to: 'lora.targets', as: namesIn(value), why: 'is a list here' }
}

/** A list of names, or names with commas between. */
export function namesIn(value: unknown): string[] {
  return [value].flat().flatMap((one) =>
    String(one)
      .split(',')
      .map((name) => name.trim()),
  )
}

/** 4 or 8 bits, as a number. */
export const bits: ImportRule = (value, all) => {
  const format = Number(value) === 8 ? 'int8' : String(all.quantization_type ?? 'nf4')
  return { to: 'model.quantization', as: format, why: `${String(value)} bits are ${format} here` }
}

export const load4bit: ImportRule = (value, all) =>
  isTrue(value)
    ? {
        to: 'model.quantization',
        as: String(all.bnb_4bit_quant_type ?? 'nf4'),
        why: 'is named by its format',
      }
    : { why: 'is off' }

export const load8bit: ImportRule = (value) =>
  isTrue(value)
    ? { to: 'model.quantization', as: 'int8', why: 'is named by its format' }
    : { why: 'is off' }

export const quantizationType = drop('is part of model.quantization')

export const evalShare: ImportRule = (value) =>
  Number(value) > 0 ? { to: 'data.eval', as: Number(value) } : { why: 'nothing is held out' }

/** Resuming is a command. */
export const resuming = drop('is a command here: llft resume RUN')

/** Weights of an adapter or another run to begin with. */
export const continued: ImportRule = (value) =>
  Array.isArray(value) || String(value).includes(',')
    ? { why: 'several adapters must be merged first: llft merge' }
    : { to: 'continue_from', as: value }

/** Random weights in place of those of the model. */
export const fromScratch: ImportRule = (value) =>
  isTrue(value) ? { to: 'model.from_scratch', as: true } : { why: 'is off' }

/** `true`, `false`, or a way to checkpoint, such as 'unsloth' and 'offload'. */
export const recompute: ImportRule = (value) => {
  const isOn = isTrue(value) || (typeof value === 'string' && value !== 'false')
  const why = typeof value === 'string' && !isTrue(value) ? 'is on or off here' : undefined
  return { to: 'training.gradient_checkpointing', as: isOn, why }
}

/** Steps between two of something; a share of the run cannot be told before its steps are counted. */
export function everySteps(option: string): ImportRule {
  return (value) =>
    Number(value) >= 1
      ? { to: option, as: Math.round(Number(value)) }
      : {
          why: `is a share of the run there; how many steps it has is known at its start: set ${option}`,
        }
}

export const perEpoch = (what: string): ImportRule =>
  drop(`how many steps an epoch has is known once the rows are read: set training.${what}_steps`)

/** Reports with those that are always written. */
export function reports(names: readonly string[]) {
  const report = ['jsonl', 'html', ...new Set(names)].sort(
    (a, b) => ORDER.indexOf(a) - ORDER.indexOf(b),
  )
  return { to: 'report', as: report, why: 'jsonl and html come along' }
}
const ORDER = ['jsonl', 'html', 'tensorboard', 'wandb']

/** Where reports go, by the names of transformers. */
export const reportTo: ImportRule = (value) => {
  const names = namesIn(value)
  if (names.includes('none') || names.includes('[]')) return { why: 'jsonl and html stay' }
  const all = names.includes('all') ? ['tensorboard', 'wandb'] : names
  const known = all.filter((name) => name === 'tensorboard' || name === 'wandb')
  if (known.length === 0) return { why: `there is no report to ${names.join(', ')}` }
  return reports(known)
}

/** The rules of keys that have no counterpart, each with the same reason. */
export function without(why: string, ...keys: readonly string[]): Record<string, ImportRule> {
  return Object.fromEntries(keys.map((key) => [key, drop(why)]))
}

/** -1 stands for nothing. */
export const maxSteps: ImportRule = (value) =>
  Number(value) > 0 ? { to: 'training.steps', as: Number(value) } : { why: 'stands for no limit' }
