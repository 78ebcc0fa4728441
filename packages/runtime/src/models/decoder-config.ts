/** Linear projections stored one by one, or side by side in one matrix. */
export type ProjectionLayout = 'separate' | 'fused'

/** What every architecture of this family is: one decoder with these sizes and switches. */
export interface DecoderConfig {
  /** Family name as config.json has it, such as 'llama'. */
  readonly modelType: string
  /** Class name as config.json has it, such as 'LlamaForCausalLM'. */
  readonly architecture: string
  /** V. */
  readonly vocabulary: number
  /** D. */
  readonly width: number
  /** F. */
  readonly ffnWidth: number
  readonly layers: number
  /** H. */
  readonly heads: number
  /** Hkv. */
  readonly kvHeads: number
  /** Dh. */
  readonly headWidth: number
  readonly normEps: number
  /** Positions that the model is made for. */
  readonly maxPositions: number
  /** The output head shares the matrix of the token embedding. */
  readonly tiedEmbeddings: boolean
  readonly qkvBias: boolean
  readonly outputBias: boolean
  readonly mlpBias: boolean
  /** Queries and keys are normalised per head before RoPE. */
  readonly qkNorm: boolean
  readonly projections: ProjectionLayout
  /** For each layer, how many keys a token sees, itself included; 0 = all. */
  readonly windows: readonly number[]
  readonly rope: RopeConfig
  /** Standard deviation of random weights. */
  readonly initializerRange: number
  readonly bosTokenId: number | undefined
  readonly eosTokenIds: readonly number[]
  readonly padTokenId: number | undefined
  /** Type that config.json says the weights are stored in. */
  readonly storedDtype: string | undefined
  /** config.json as it was read. */
  readonly source: Readonly<Record<string, unknown>>
}

/** Rotary positions. */
export interface RopeConfig {
  readonly theta: number
  /** Columns of each head that are rotated; even. */
  readonly rotaryWidth: number
  readonly maxPositions: number
  readonly scaling: RopeScaling
}

/** How the frequencies differ from theta^(-2i/width), by the names of config.json. */
export type RopeScaling =
  | { readonly type: 'default' }
  | { readonly type: 'linear'; readonly factor: number }
  | { readonly type: 'dynamic'; readonly factor: number }
  | Llama3Scaling
  | YarnScaling
  | LongRopeScaling

export interface Llama3Scaling {
  readonly type: 'llama3'
  readonly factor: number
  readonly lowFreqFactor: number
  readonly highFreqFactor: number
  readonly originalMaxPositions: number
}

export interface YarnScaling {
  readonly type: 'yarn'
  readonly factor: number
  /** Multiplied into cosines and sines. */
  readonly attentionFactor: number
  readonly betaFast: number
  readonly betaSlow: number
  readonly truncate: boolean
  readonly originalMaxPositions: number
}

export interface LongRopeScaling {
  readonly type: 'longrope'
  /** Multiplied into cosines and sines. */
  readonly attentionFactor: number
  readonly shortFactor: readonly number[]
  readonly longFactor: readonly number[]
  readonly originalMaxPositions: number
}
