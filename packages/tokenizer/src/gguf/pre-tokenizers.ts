import { ConfigError, FormatError, shown } from '@llft/errors'
import { BYTE_LEVEL_WORDS, type PreTokenizerEntry } from '../exact-splits.js'
import { llama3Words, splitPatterns } from '../words/known-words.js'

// The names are those of llama.cpp's `tokenizer.ggml.pre`, each of one way to find words.

/** How a text becomes words, and what goes with it. */
export interface PreTokenizer {
  readonly name: string
  /** Expressions that split one after the other. */
  readonly patterns: readonly string[]
  /** Whether a word that is a token is not merged from parts. Default false. */
  readonly wholeWords?: boolean
  /** Whether BOS goes before a text where the file does not say. Default false. */
  readonly addBos?: boolean
  /** "normalizer" of tokenizer.json, which llama.cpp does not apply. */
  readonly normalizer?: { readonly type: string }
}

const DIGITS = '[^\\p{N}]+|\\p{N}'
const UPPER = '\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}'
const LOWER = '\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}'
const TEKKEN = `[^\\r\\n\\p{L}\\p{N}]?[${UPPER}]*[${LOWER}]+|[^\\r\\n\\p{L}\\p{N}]?[${UPPER}]+[${LOWER}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`

/** The first of several with the same patterns is the one that files are written with. */
const KNOWN: readonly PreTokenizer[] = [
  { name: 'smollm', patterns: [DIGITS, BYTE_LEVEL_WORDS] },
  ...['starcoder', 'refact', 'command-r', 'codeshell', 'exaone', 'minerva-7b'].map((name) => ({
    name,
    patterns: [DIGITS, BYTE_LEVEL_WORDS],
  })),
  { name: 'gpt-2', patterns: [BYTE_LEVEL_WORDS] },
  ...['phi-2', 'mpt', 'olmo', 'jais'].map((name) => ({ name, patterns: [BYTE_LEVEL_WORDS] })),
  ...['llama-bpe', 'llama3', 'llama-v3'].map((name) => ({
    name,
    patterns: [llama3Words('\\p{N}{1,3}')],
    wholeWords: true,
    addBos: true,
  })),
  { name: 'qwen2', patterns: [llama3Words('\\p{N}')], normalizer: { type: 'NFC' } },
  { name: 'tekken', patterns: [TEKKEN], wholeWords: true, addBos: true },
]

/** @throws FormatError for a name that is not known: another pattern would give other tokens. */
export function preTokenizerNamed(source: string, name: string | undefined): PreTokenizer {
  const found = KNOWN.find((known) => known.name === name)
  if (found !== undefined) return found
  const names = KNOWN.map((known) => known.name).join(', ')
  throw new FormatError(
    `${source}: tokenizer.ggml.pre must be one of ${names}; got ${shown(name)}. Take the model as safetensors with its tokenizer.json.`,
  )
}

/**
 * The name of what tokenizer.json does.
 *
 * @throws ConfigError where none does the same.
 */
export function preTokenizerOf(
  source: string,
  json: Readonly<Record<string, unknown>>,
  wholeWords: boolean,
): PreTokenizer {
  const patterns = splitPatterns(json.pre_tokenizer)
  const found = KNOWN.find(
    (known) =>
      known.patterns.length === patterns?.length &&
      known.patterns.every((pattern, i) => pattern === patterns[i]) &&
      (known.wholeWords ?? false) === wholeWords,
  )
  const normalizer = (json.normalizer as { type?: string } | null)?.type
  if (found !== undefined && (normalizer === undefined || normalizer === found.normalizer?.type)) {
    return found
  }
  throw new ConfigError(
    `${source}: GGUF knows the words of ${KNOWN.map((known) => known.name).join(', ')}; got ${shown(patterns ?? json.pre_tokenizer)}${wholeWords ? ' with whole words' : ''}${normalizer === undefined ? '' : ` behind ${normalizer}`}.`,
  )
}

/** "pre_tokenizer" of tokenizer.json: the patterns, and bytes as characters. */
export function preTokenizerEntry({ patterns }: PreTokenizer): PreTokenizerEntry {
  const splits = patterns.map((regex) => ({
    type: 'Split',
    pattern: { Regex: regex },
    behavior: 'Isolated',
    invert: false,
  }))
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }
  return { type: 'Sequence', pretokenizers: [...splits, bytes] }
}
