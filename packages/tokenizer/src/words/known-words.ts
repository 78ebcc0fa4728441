import { BYTE_LEVEL_WORDS, type PreTokenizerEntry, spellSplits } from '../exact-splits.js'
import { gpt2WordEnd, llama3WordEnd, type WordEnd } from './word-end.js'

/** How a text becomes the words of a BPE model. */
export interface WordRules {
  /** Whether the bytes of a word are what merging starts from, or its characters. */
  readonly bytes: boolean
  /** Finds the words of a well-known pattern, much faster than its expression does. */
  readonly wordEnd: WordEnd | undefined
  /** What is left to the library: its "pre_tokenizer". */
  readonly preTokenizer: PreTokenizerEntry | null
}

/** The words of Llama 3 and Qwen 2, which differ in how many digits make one. */
export const llama3Words = (numbers: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`

/** By the expressions of the steps, one after the other. */
export const KNOWN_WORDS: readonly (readonly [readonly string[], WordEnd])[] = [
  [[BYTE_LEVEL_WORDS], gpt2WordEnd(false)],
  [['[^\\p{N}]+|\\p{N}', BYTE_LEVEL_WORDS], gpt2WordEnd(true)],
  [[llama3Words('\\p{N}{1,3}')], llama3WordEnd(3)],
  [[llama3Words('\\p{N}')], llama3WordEnd(1)],
]

/** @param entry "pre_tokenizer" of tokenizer.json */
export function wordRules(entry: unknown): WordRules {
  const spelt = spellSplits(entry)
  const steps = flatten(spelt)
  const bytes = endsInBytes(steps)
  if (!bytes) return { bytes, wordEnd: undefined, preTokenizer: spelt }
  const splits = steps.slice(0, -1)
  const patterns = splits.map(isolatedPattern)
  const known = KNOWN_WORDS.find(
    ([of]) => of.length === patterns.length && of.every((pattern, i) => pattern === patterns[i]),
  )
  if (known) return { bytes, wordEnd: known[1], preTokenizer: null }
  return { bytes, wordEnd: undefined, preTokenizer: { type: 'Sequence', pretokenizers: splits } }
}

/** The expressions that find the words of byte-level BPE, one after the other; undefined where words are found otherwise. */
export function splitPatterns(entry: unknown): string[] | undefined {
  const steps = flatten(spellSplits(entry))
  if (!endsInBytes(steps)) return undefined
  const patterns = steps.slice(0, -1).map(isolatedPattern)
  return patterns.every((pattern) => pattern !== undefined) ? patterns : undefined
}

function endsInBytes(steps: readonly PreTokenizerEntry[]): boolean {
  const last = steps.at(-1)
  return last?.type === 'ByteLevel' && last.use_regex === false && !last.add_prefix_space
}

/** The steps of a sequence, however deep. */
function flatten(step: PreTokenizerEntry | null): PreTokenizerEntry[] {
  if (!step) return []
  return step.type === 'Sequence' ? (step.pretokenizers ?? []).flatMap(flatten) : [step]
}

/**
 * The expression of a step that keeps its matches and what lies between them. Of the known ones
 * nothing lies between, so that an inverted step, which drops it, does the same.
 */
function isolatedPattern(step: PreTokenizerEntry): string | undefined {
  if (step.type !== 'Split' || step.behavior !== 'Isolated') return undefined
  return (step.pattern as { Regex?: string }).Regex
}
