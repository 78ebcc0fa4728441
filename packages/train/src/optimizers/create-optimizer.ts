import { oneOf, parseOptions } from '@llft/options'
import { z } from 'zod'
import { Adafactor } from './adafactor.js'
import { AdamW } from './adamw.js'
import { AdamW8bit } from './adamw8bit.js'
import { Lion } from './lion.js'
import type { Optimizer } from './optimizer.js'
import type { ParameterGroup } from './parameters.js'
import { Sgd } from './sgd.js'

type Create = (groups: readonly ParameterGroup[]) => Optimizer

/** Each with its default settings; Adafactor follows the learning rate of the run, as in transformers' Trainer. */
const KINDS = {
  adamw: (groups) => new AdamW(groups),
  adamw8bit: (groups) => new AdamW8bit(groups),
  'paged-adamw': (groups) => new AdamW(groups, { paged: true }),
  'paged-adamw8bit': (groups) => new AdamW8bit(groups, { paged: true }),
  sgd: (groups) => new Sgd(groups),
  lion: (groups) => new Lion(groups),
  adafactor: (groups) => new Adafactor(groups, { scaleParameter: false }),
} as const satisfies Record<string, Create>

/** An optimiser with its default settings. */
export type OptimizerName = keyof typeof KINDS

export const OPTIMIZER_NAMES = Object.keys(KINDS) as OptimizerName[]

const schema = z.strictObject({ optimizer: oneOf(OPTIMIZER_NAMES) })

/** @throws ConfigError for an unknown name. */
export function createOptimizer(name: OptimizerName, groups: readonly ParameterGroup[]): Optimizer {
  const { optimizer } = parseOptions(schema, { optimizer: name }, 'createOptimizer')
  const create: Create = KINDS[optimizer]
  return create(groups)
}
