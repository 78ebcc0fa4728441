/** A file breaks the rules of its format. The text names the file, what must hold and what was found. */
export class FormatError extends Error {
  readonly code = 'ERR_LLFT_FORMAT'
  override readonly name = 'FormatError'
}
