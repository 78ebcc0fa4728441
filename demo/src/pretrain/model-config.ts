import { parseConfig } from '@llft/runtime'

export const CONTEXT = 512

/** A Llama with grouped heads: 3.1 million parameters, of which 0.4 million are the shared embedding. */
export const MODEL_CONFIG = parseConfig({
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  attention_bias: false,
  attention_dropout: 0,
  bos_token_id: null,
  dtype: 'bfloat16',
  eos_token_id: 2,
  hidden_act: 'silu',
  hidden_size: 192,
  initializer_range: 0.04,
  intermediate_size: 512,
  max_position_embeddings: CONTEXT,
  mlp_bias: false,
  num_attention_heads: 6,
  num_hidden_layers: 7,
  num_key_value_heads: 2,
  pad_token_id: 0,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
  vocab_size: 2048,
})
