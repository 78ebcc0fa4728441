/** A row breaks the rules of its format. The text starts with the file and line. */
export class DataError extends Error {
  readonly code = 'ERR_LLFT_DATA'
  override readonly name = 'DataError'
}

/** Options that contradict each other or have no meaning. */
export class ConfigError extends Error {
  readonly code = 'ERR_LLFT_CONFIG'
  override readonly name = 'ConfigError'
}
