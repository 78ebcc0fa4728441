import { parseOptions, wholeNumber } from '@llft/options'
import { z } from 'zod'
import { CausalLM } from '../models/causal-lm.js'
import type { DecoderConfig } from '../models/decoder-config.js'
import type { LanguageModel, LanguageModelClass } from '../models/language-model.js'
import { RandomSource } from '../models/random-source.js'
import { unscoped } from '../scope.js'
import { type ComputeDtype, computeDtypes, resolveDtype } from './compute-dtype.js'

export interface CreateOptions {
  /** Seed of the weights. Default 0. */
  seed?: number | undefined
  /** Default 'float32'. 'auto' is bfloat16 where the machine multiplies it natively. */
  dtype?: ComputeDtype | undefined
}

const schema = z.strictObject({
  seed: wholeNumber(0).default(0),
  dtype: computeDtypes.default('float32'),
})

/** A model with random weights: N(0, initializer_range), norms 1, biases 0. */
export function createModel(config: DecoderConfig, options: CreateOptions = {}): CausalLM {
  return createModelAs(CausalLM, config, options)
}

/** As `createModel`, with the head of another class of models. */
export function createModelAs<M extends LanguageModel>(
  kind: LanguageModelClass<M>,
  config: DecoderConfig,
  options: CreateOptions = {},
): M {
  const { seed, dtype } = parseOptions(schema, options, 'createModel')
  // Nothing is stored, so nothing speaks against 16 bits.
  const source = new RandomSource(resolveDtype(dtype, ['bfloat16']), seed, config.initializerRange)
  return unscoped(() => new kind(config, source))
}
