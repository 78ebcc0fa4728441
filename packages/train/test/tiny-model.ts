import { type CausalLM, createModel, parseConfig, type TokenBatch } from '@llft/runtime'

/** A random Llama with grouped queries, small enough that a step takes milliseconds. */
export function tinyModel(): CausalLM {
  const config = parseConfig({
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: 32,
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 64,
    rms_norm_eps: 1e-6,
    initializer_range: 0.2,
    tie_word_embeddings: false,
  })
  return createModel(config, { seed: 3, dtype: 'float32' })
}

/** Rows of fixed tokens and different lengths; the first two tokens of each are not learnt. */
export function tinyRows(count: number): number[][] {
  return Array.from({ length: count }, (_, row) =>
    Array.from({ length: 6 + ((row * 5) % 7) }, (_, at) => (7 * row + 3 * at + 1) % 32),
  )
}

/** Rows laid end to end. */
export function batchOfRows(rows: readonly number[][]): TokenBatch {
  const starts = [0]
  for (const row of rows) starts.push((starts.at(-1) as number) + row.length)
  return {
    ids: Int32Array.from(rows.flat()),
    targets: Int32Array.from(rows.flatMap((row) => [-100, ...row.slice(2), -100])),
    positions: Int32Array.from(rows.flatMap((row) => row.map((_, at) => at))),
    cuSeqlens: Int32Array.from(starts),
  }
}
