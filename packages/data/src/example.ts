import type { Source } from './source.js'

/** Label of a token that is read but not learnt, as the loss of @llft/runtime and of PyTorch have it. */
export const IGNORED = -100

/** A row as tokens. */
export interface Example {
  /** [T] token ids. */
  readonly ids: Int32Array
  /** [T] the token itself where it is learnt, else -100. Not shifted. */
  readonly labels: Int32Array
  readonly source: Source
}

/** Number of tokens that a model is trained to predict: the first token has none before it. */
export function trainedTokens(labels: Int32Array): number {
  let count = 0
  for (let i = 1; i < labels.length; i++) if (labels[i] !== IGNORED) count++
  return count
}
