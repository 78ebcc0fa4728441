import type { LoraTrainOptions } from '@llft/lora'
import type { CausalLM } from '@llft/runtime'
import type { Tokenizer } from '@llft/tokenizer'
import { ADAPTER_FOLDER, DATA_FILE } from './paths.js'

/** Rows of a step. */
export const BATCH_SIZE = 8

/**
 * What the measurement and the training have in common. The large alpha is what makes few steps suffice: of the
 * settings tried it learnt the most answers for the least work; with a rate of 3e-3 it learnt none in 250 steps.
 */
export function runOptions(model: CausalLM, tokenizer: Tokenizer): LoraTrainOptions {
  return {
    model,
    tokenizer,
    baseModel: 'demo/model',
    data: DATA_FILE,
    output: ADAPTER_FOLDER,
    lora: { r: 64, alpha: 512, targetModules: 'all-linear' },
    batchSize: BATCH_SIZE,
    learningRate: 2e-3,
    schedule: 'cosine',
  }
}
