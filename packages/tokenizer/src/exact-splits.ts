/** A step of "pre_tokenizer" in tokenizer.json. */
export interface PreTokenizerEntry {
  readonly type: string
  readonly individual_digits?: boolean
  readonly use_regex?: boolean
  readonly add_prefix_space?: boolean
  readonly pretokenizers?: readonly (PreTokenizerEntry | null)[]
  readonly [key: string]: unknown
}

/** The words of GPT-2: contractions, letters, numbers and other signs, each with a space before it. */
export const BYTE_LEVEL_WORDS =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/**
 * Spells the steps `Digits` and `ByteLevel` as the regular expressions that tokenizer.json means by
 * them, with Unicode's own classes.
 *
 * The encoder's built-in steps take JavaScript's classes: decimal digits only, so that `¾` and `①`
 * would not stand alone, and U+FEFF as white space.
 */
export function spellSplits(entry: unknown): PreTokenizerEntry | null {
  const step = entry as PreTokenizerEntry | null
  if (step?.type === 'Sequence') {
    return { ...step, pretokenizers: step.pretokenizers?.map(spellSplits) }
  }
  if (step?.type === 'Split') checkPattern(step.pattern)
  if (step?.type === 'Digits') return split(`[^\\p{N}]+|\\p{N}${step.individual_digits ? '' : '+'}`)
  const words = step?.type === 'ByteLevel' && (step.use_regex ?? true)
  // The prefix space comes before the words are split, so this step cannot be taken apart then.
  if (!step || !words || step.add_prefix_space) return step
  return {
    type: 'Sequence',
    pretokenizers: [split(BYTE_LEVEL_WORDS), { ...step, use_regex: false }],
  }
}

/** Without a pattern the encoder would lose the text and say so nowhere. */
function checkPattern(pattern: unknown): void {
  const { String: text, Regex: regex } = (pattern ?? {}) as Record<string, unknown>
  if (typeof text === 'string' || typeof regex === 'string') return
  throw new Error('a Split without a pattern')
}

/** Splits into the matches of an expression that leaves no character out. */
function split(regex: string): PreTokenizerEntry {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: true }
}
