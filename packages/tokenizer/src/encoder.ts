import type { Library } from './library.js'

/** Turns text into ids. It understands the marks of special-text.ts. */
export interface Encoder {
  /** Knows the tokens by id and by text. */
  readonly library: Library
  /** @throws any error if the description is damaged */
  encode(text: string, addSpecialTokens: boolean): number[]
}
