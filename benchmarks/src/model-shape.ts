/** The sizes that decide what a step costs; letters as in ARCHITECTURE.md. */
export interface ModelShape {
  /** D: model width. */
  width: number
  /** F: width of the feed-forward part. */
  feedForward: number
  layers: number
  /** H: query heads. */
  heads: number
  /** Hkv: key and value heads. */
  kvHeads: number
  /** V: vocabulary. */
  vocabulary: number
}

/** SmolLM2-135M's config.json, for a run without the checkpoint. */
export const SMOLLM2_135M = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_act: 'silu',
  hidden_size: 576,
  intermediate_size: 1536,
  max_position_embeddings: 8192,
  num_attention_heads: 9,
  num_hidden_layers: 30,
  num_key_value_heads: 3,
  rms_norm_eps: 1e-5,
  rope_theta: 100000,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  vocab_size: 49152,
  bos_token_id: 1,
  eos_token_id: 2,
} as const

/** Mistral-7B-v0.1's config.json. */
export const MISTRAL_7B = {
  architectures: ['MistralForCausalLM'],
  model_type: 'mistral',
  hidden_act: 'silu',
  hidden_size: 4096,
  intermediate_size: 14336,
  initializer_range: 0.02,
  max_position_embeddings: 32768,
  num_attention_heads: 32,
  num_hidden_layers: 32,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  sliding_window: 4096,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
  vocab_size: 32000,
  bos_token_id: 1,
  eos_token_id: 2,
} as const

/** TinyLlama-1.1B's config.json. */
export const LLAMA_1B = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_act: 'silu',
  hidden_size: 2048,
  intermediate_size: 5632,
  initializer_range: 0.02,
  max_position_embeddings: 2048,
  num_attention_heads: 32,
  num_hidden_layers: 22,
  num_key_value_heads: 4,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
  vocab_size: 32000,
  bos_token_id: 1,
  eos_token_id: 2,
} as const

export type ConfigJson = Record<
  | 'hidden_size'
  | 'intermediate_size'
  | 'num_hidden_layers'
  | 'num_attention_heads'
  | 'num_key_value_heads'
  | 'vocab_size',
  number
>

export function shapeOf(config: ConfigJson): ModelShape {
  return {
    width: config.hidden_size,
    feedForward: config.intermediate_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    kvHeads: config.num_key_value_heads,
    vocabulary: config.vocab_size,
  }
}

/** The same of a step that trains every parameter: y, dx and dw of every weight, the head among them. */
export function fullStepFlops(shape: ModelShape, tokens: number): number {
  let block = attentionFlops(shape, tokens)
  for (const [out, into] of linears(shape, false)) block += 6 * out * into
  return shape.layers * block + 6 * shape.vocabulary * shape.width
}

/** FLOPs for each token of a prompt; the head works for the last one only, which is left out. */
export function prefillFlops(shape: ModelShape, tokens: number): number {
  let block = 2 * 2 * shape.width * (tokens / 2)
  for (const [out, into] of linears(shape, false)) block += 2 * out * into
  return shape.layers * block
}

/** Bytes that one token must read: every weight but the embeddings', and keys and values of the context in bfloat16. */
export function decodeBytes(
  shape: ModelShape,
  base: 'bf16' | 'int8' | 'nf4',
  context: number,
): number {
  // nf4 with double quantisation: half a byte and a scale of a byte for each 64 elements; int8: a scale for each row.
  const ofElement = { bf16: 2, int8: 1, nf4: 0.5 + 1 / 64 }[base]
  let block = 2 * 2 * context * (shape.width / shape.heads) * shape.kvHeads
  for (const [out, into] of linears(shape, false)) {
    block += ofElement * out * into + (base === 'int8' ? 4 * out : 0)
  }
  return shape.layers * block + 2 * shape.vocabulary * shape.width
}

// q k^T and p v: 2 products forward; dv, dp, dq, dk: 4 back; each 2 D t FLOPs per token over half the keys.
function attentionFlops(shape: ModelShape, tokens: number): number {
  return 6 * 2 * shape.width * (tokens / 2)
}

/** The linear layers of one block as [outputs, inputs, adapted]. */
function linears(shape: ModelShape, adaptAttention: boolean): [number, number, boolean][] {
  const { width: d, feedForward: f } = shape
  const kv = (d / shape.heads) * shape.kvHeads
  return [
    [d, d, adaptAttention],
    [kv, d, adaptAttention],
    [kv, d, adaptAttention],
    [d, d, adaptAttention],
    [f, d, false],
    [f, d, false],
    [d, f, false],
  ]
}

/**
 * FLOPs that one LoRA step on frozen weights needs per token, a multiply-add being two: y and dx of every frozen
 * weight, adapters three times, attention of a causal sequence (4 products of half a square forward and back
 * again twice), and the output head once forward and once for dx. Nothing is recomputed.
 */
export function loraStepFlops(shape: ModelShape, tokens: number, rank: number): number {
  let block = attentionFlops(shape, tokens)
  for (const [out, into, adapted] of linears(shape, true)) {
    block += 4 * out * into
    if (adapted) block += 6 * rank * (out + into)
  }
  return shape.layers * block + 4 * shape.vocabulary * shape.width
}
