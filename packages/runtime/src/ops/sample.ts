import { native } from '../native.js'
import { Tensor } from '../tensor.js'

/** How the next token is drawn; applied in this order. */
export interface SamplingOptions {
  /** 0 takes the most likely token. */
  temperature: number
  /** Only the k most likely; 0 = all. */
  topK: number
  /** The smallest set whose probabilities reach p; 1 = all. */
  topP: number
  /** At least this share of the largest probability; 0 = all. */
  minP: number
}

/** One token for each row of logits [B, V] -> int32 [B]; row b draws from Philox(seeds[b]) at `step`. */
export function sample(
  logits: Tensor,
  options: SamplingOptions,
  seeds: readonly number[],
  step: number,
): Tensor {
  const { temperature, topK, topP, minP } = options
  return new Tensor(native().sample(logits.handle, temperature, topK, topP, minP, seeds, step))
}
