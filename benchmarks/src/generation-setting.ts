/** What a generation bench runs. */
export interface GenerationSetting {
  folder: string
  /** How the linear layers are stored. */
  base: 'bf16' | 'int8' | 'nf4'
}

export interface GenerationRequest {
  /** Reads a prompt of so many tokens and draws one. */
  prefill?: number
  /** Draws so many tokens greedily after a prompt, whose reading is not timed. */
  decode?: number
  /** Tokens of that prompt. */
  context?: number
}
