import { parseConfig } from '../src/index.js'

/** Positions of the tiny model. */
export const LIMIT = 64

/** A Llama with grouped queries that takes milliseconds; `extra` replaces fields of its config.json. */
export function tinyConfig(extra: Record<string, unknown> = {}) {
  return parseConfig({
    model_type: 'llama',
    vocab_size: 97,
    hidden_size: 32,
    intermediate_size: 48,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: LIMIT,
    initializer_range: 0.3,
    ...extra,
  })
}
