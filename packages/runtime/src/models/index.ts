export { CausalLM } from './causal-lm.js'
export type {
  DecoderConfig,
  Llama3Scaling,
  LongRopeScaling,
  ProjectionLayout,
  RopeConfig,
  RopeScaling,
  YarnScaling,
} from './decoder-config.js'
export type { ForwardContext, KeysValues, LayerCache } from './forward-context.js'
export {
  isInDecoder,
  LanguageModel,
  type LanguageModelClass,
  type Loss,
  type LossOptions,
} from './language-model.js'
export { RandomSource } from './random-source.js'
export { parseConfig, supportedModelTypes } from './registry.js'
export { type RopeFrequencies, ropeFrequencies } from './rope-frequencies.js'
export { batchOf, IGNORED_TARGET, rowContext, type TokenBatch } from './token-batch.js'
export type { Initialisation, WeightSource } from './weight-source.js'
