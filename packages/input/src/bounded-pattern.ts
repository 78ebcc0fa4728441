import { FormatError } from '@llft/errors'
import { withinTime } from './within-time.js'

const MAX_LENGTH = 10_000

/** A regular expression that a file holds: whatever it is, matching it ends. */
export class BoundedPattern {
  readonly #expression: RegExp

  /**
   * @param where starts every message: the file and the key
   * @param shown what the file holds, where `source` adds to it
   * @throws FormatError for a text that is too long or no regular expression
   */
  constructor(
    source: string,
    private readonly where: string,
    shown = source,
  ) {
    if (source.length > MAX_LENGTH) {
      throw new FormatError(
        `${where}: a pattern must be at most ${MAX_LENGTH} characters; got ${source.length}.`,
      )
    }
    try {
      this.#expression = new RegExp(source)
    } catch (error) {
      throw new FormatError(
        `${where}: must be a regular expression; got '${shown.slice(0, 80)}' (${(error as Error).message}).`,
      )
    }
  }

  /** @throws FormatError if it takes too long */
  test(text: string): boolean {
    return this.exec(text) !== null
  }

  /** @throws FormatError if it takes too long */
  exec(text: string): RegExpExecArray | null {
    return withinTime(`${this.where}: matching the pattern`, () => this.#expression.exec(text))
  }
}
