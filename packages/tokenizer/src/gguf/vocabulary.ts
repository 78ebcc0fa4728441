/** `tokenizer.ggml.token_type`, as ggml numbers them. */
export const TOKEN_TYPE = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const

/** A tokenizer as GGUF files hold it, under the keys `tokenizer.ggml.*`. Ids are places in `tokens`. */
export interface GgufVocabulary {
  /** 'gpt2' is byte-level BPE, 'llama' SentencePiece with scores and bytes for unknown characters. */
  readonly model: 'gpt2' | 'llama'
  /** How a text becomes words, for 'gpt2': a name that llama.cpp gives to a pattern, such as 'llama-bpe'. */
  readonly pre?: string | undefined
  readonly tokens: readonly string[]
  /** Of 'llama': what is merged first has the highest. */
  readonly scores?: ArrayLike<number> | undefined
  /** See `TOKEN_TYPE`; all are normal by default. */
  readonly tokenTypes?: ArrayLike<number> | undefined
  /** Of 'gpt2': pairs with a space between, the first first. */
  readonly merges?: readonly string[] | undefined
  readonly bosTokenId?: number | undefined
  readonly eosTokenId?: number | undefined
  readonly unknownTokenId?: number | undefined
  readonly paddingTokenId?: number | undefined
  /** Whether BOS goes before a text. Default: that of llama.cpp for `model` and `pre`. */
  readonly addBos?: boolean | undefined
  /** Default false. */
  readonly addEos?: boolean | undefined
  /** Of 'llama': whether a text begins with a space that is taken off again. Default true. */
  readonly addSpacePrefix?: boolean | undefined
  readonly chatTemplate?: string | undefined
}
