/** A tokenizer file breaks the rules of its format. */
export class FormatError extends Error {
  readonly code = 'ERR_LLFT_FORMAT'
  override readonly name = 'FormatError'
}

/** An option cannot be met, such as a chat template that the model does not have. */
export class ConfigError extends Error {
  readonly code = 'ERR_LLFT_CONFIG'
  override readonly name = 'ConfigError'
}

/** The chat template refuses a conversation. */
export class DataError extends Error {
  readonly code = 'ERR_LLFT_DATA'
  override readonly name = 'DataError'
}
