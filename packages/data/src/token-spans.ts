import type { Tokenizer } from '@llft/tokenizer'

/** Token ids of a text, and the number of tokens before each cut. */
export interface CutTokens {
  readonly ids: readonly number[]
  readonly cuts: readonly number[]
}

/**
 * Tokens of the joined parts of a text, cut where the parts meet.
 *
 * A tokenizer may merge characters over a cut: then the parts are tokenised one by one, as they are
 * when a model answers a prompt, provided that gives the same text. Where it does not (tokenizers
 * that put a space before each text), the token that crosses the cut counts to the later part.
 */
export function encodeParts(tokenizer: Tokenizer, parts: readonly string[]): CutTokens {
  const encoded = parts.map((part) => tokenizer.encodeTemplate(part))
  const single = encoded.flat()
  const joint = tokenizer.encodeTemplate(parts.join(''))
  if (isPrefix(single, joint)) return { ids: joint, cuts: cumulative(encoded) }
  const prefixes = parts
    .slice(0, -1)
    .map((_, i) => tokenizer.encodeTemplate(parts.slice(0, i + 1).join('')))
  if (prefixes.every((prefix) => isPrefix(prefix, joint)) || !sameText(tokenizer, single, joint)) {
    const cuts = prefixes.map((prefix) => commonLength(prefix, joint))
    return { ids: joint, cuts: [...cuts, joint.length] }
  }
  return { ids: single, cuts: cumulative(encoded) }
}

function cumulative(encoded: readonly (readonly number[])[]): number[] {
  let total = 0
  return encoded.map((ids) => {
    total += ids.length
    return total
  })
}

function sameText(tokenizer: Tokenizer, a: readonly number[], b: readonly number[]): boolean {
  const options = { skipSpecialTokens: false }
  return tokenizer.decode(a, options) === tokenizer.decode(b, options)
}

function isPrefix(prefix: readonly number[], ids: readonly number[]): boolean {
  return commonLength(prefix, ids) === prefix.length
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return length
}
