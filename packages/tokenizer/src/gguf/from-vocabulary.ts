import { FormatError } from '@llft/errors'
import type { AddedTokenEntry } from '../definition.js'
import { preTokenizerEntry, preTokenizerNamed } from './pre-tokenizers.js'
import { mergesOfScores } from './sentencepiece.js'
import { type GgufVocabulary, TOKEN_TYPE } from './vocabulary.js'

/** The contents of tokenizer.json and tokenizer_config.json. */
export interface TokenizerFiles {
  readonly json: Readonly<Record<string, unknown>>
  readonly config: Readonly<Record<string, unknown>>
}

const SPACE = '\u2581'

/**
 * The tokenizer of a GGUF file as the files that a model folder has.
 *
 * @param source names the file in errors.
 * @throws FormatError for a vocabulary that contradicts itself, or words that are found in no known way.
 */
export function filesOfVocabulary(source: string, vocabulary: GgufVocabulary): TokenizerFiles {
  requireConsistent(source, vocabulary)
  const { model } = vocabulary
  const kind =
    model === 'gpt2' ? byteLevelParts(source, vocabulary) : sentencePieceParts(source, vocabulary)
  const { addBos, ...parts } = kind
  const named = namedTokens(vocabulary)
  const addEos = vocabulary.addEos ?? false
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(vocabulary),
    ...parts,
    post_processor: frame(vocabulary, { addBos, addEos }),
  }
  const { chatTemplate } = vocabulary
  const config = {
    ...named,
    add_bos_token: addBos,
    add_eos_token: addEos,
    clean_up_tokenization_spaces: false,
    ...(chatTemplate !== undefined && { chat_template: chatTemplate }),
  }
  return { json, config }
}

function byteLevelParts(source: string, vocabulary: GgufVocabulary) {
  const { pre, merges } = vocabulary
  const words = preTokenizerNamed(source, pre)
  if (merges === undefined) {
    throw new FormatError(`${source}: tokenizer.ggml.merges must be there for gpt2; got none.`)
  }
  return {
    addBos: vocabulary.addBos ?? words.addBos ?? false,
    normalizer: words.normalizer ?? null,
    pre_tokenizer: preTokenizerEntry(words),
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      byte_fallback: false,
      fuse_unk: false,
      ignore_merges: words.wholeWords ?? false,
      vocab: idsOf(vocabulary),
      merges: merges.map((merge) => merge.split(' ')),
    },
  }
}

function sentencePieceParts(source: string, vocabulary: GgufVocabulary) {
  const { tokens, scores, addBos = true, addSpacePrefix = true } = vocabulary
  if (scores === undefined) {
    throw new FormatError(`${source}: tokenizer.ggml.scores must be there for llama; got none.`)
  }
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: SPACE }
  const prefix = addSpacePrefix ? [{ type: 'Prepend', prepend: SPACE }] : []
  const strip = addSpacePrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []
  const unknown = tokens[vocabulary.unknownTokenId ?? firstOf(vocabulary, TOKEN_TYPE.unknown)]
  const merged = mergeable(vocabulary)
  return {
    addBos,
    normalizer: { type: 'Sequence', normalizers: [...prefix, replace] },
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...strip,
      ],
    },
    model: {
      type: 'BPE',
      byte_fallback: true,
      fuse_unk: true,
      ignore_merges: false,
      unk_token: unknown ?? null,
      vocab: idsOf(vocabulary),
      merges: mergesOfScores(merged.pieces, merged.scores),
    },
  }
}

/** Pieces that text is merged to: control tokens and bytes are none. */
function mergeable({ tokens, tokenTypes, scores }: GgufVocabulary) {
  const kept = [...tokens.keys()].filter((id) => {
    const type = tokenTypes?.[id] ?? TOKEN_TYPE.normal
    return type === TOKEN_TYPE.normal || type === TOKEN_TYPE.userDefined
  })
  return {
    pieces: kept.map((id) => tokens[id] as string),
    scores: kept.map((id) => scores?.[id] ?? 0),
  }
}

function firstOf({ tokenTypes }: GgufVocabulary, type: number): number {
  return Array.from(tokenTypes ?? []).indexOf(type)
}

function idsOf({ tokens }: GgufVocabulary): Record<string, number> {
  // Without a prototype `__proto__` is a token as any other.
  const ids: Record<string, number> = Object.create(null)
  for (const [id, token] of tokens.entries()) ids[token] = id
  return ids
}

/** Tokens that are looked for in a text before it is split. */
function addedTokens({ tokens, tokenTypes, model }: GgufVocabulary): AddedTokenEntry[] {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false }
  return tokens.flatMap((content, id) => {
    const type = tokenTypes?.[id]
    const special =
      type === TOKEN_TYPE.control || (model === 'llama' && type === TOKEN_TYPE.unknown)
    if (!special && type !== TOKEN_TYPE.userDefined) return []
    return [{ id, content, ...flags, special }]
  })
}

function namedTokens(vocabulary: GgufVocabulary): Record<string, string> {
  const { tokens, bosTokenId, eosTokenId, unknownTokenId, paddingTokenId } = vocabulary
  const ids = {
    bos_token: bosTokenId,
    eos_token: eosTokenId,
    unk_token: unknownTokenId,
    pad_token: paddingTokenId,
  }
  const named = Object.entries(ids).filter(([, id]) => id !== undefined)
  return Object.fromEntries(named.map(([role, id]) => [role, tokens[id as number] as string]))
}

/** "post_processor" of tokenizer.json: BOS before and EOS behind a text. */
function frame(
  { tokens, bosTokenId, eosTokenId }: GgufVocabulary,
  { addBos, addEos }: { addBos: boolean; addEos: boolean },
) {
  const before = addBos && bosTokenId !== undefined ? [bosTokenId] : []
  const behind = addEos && eosTokenId !== undefined ? [eosTokenId] : []
  const ids = [...before, ...behind]
  if (ids.length === 0) return null
  const special = (id: number) => ({ SpecialToken: { id: tokens[id] as string, type_id: 0 } })
  const sequence = (id: string) => ({ Sequence: { id, type_id: 0 } })
  const framed = (id: string) => [...before.map(special), sequence(id), ...behind.map(special)]
  return {
    type: 'TemplateProcessing',
    single: framed('A'),
    pair: [...framed('A'), ...framed('B')],
    special_tokens: Object.fromEntries(
      ids.map((id) => {
        const text = tokens[id] as string
        return [text, { id: text, ids: [id], tokens: [text] }]
      }),
    ),
  }
}

/** @throws FormatError for lists of other lengths, tokens that are there twice, or ids without a token. */
function requireConsistent(source: string, vocabulary: GgufVocabulary): void {
  const { tokens, scores, tokenTypes } = vocabulary
  for (const [name, list] of Object.entries({ scores, token_type: tokenTypes })) {
    if (list === undefined || list.length === tokens.length) continue
    throw new FormatError(
      `${source}: tokenizer.ggml.${name} must have one entry for each of the ${tokens.length} tokens; got ${list.length}.`,
    )
  }
  const ids = ['bosTokenId', 'eosTokenId', 'unknownTokenId', 'paddingTokenId'] as const
  for (const name of ids) {
    const id = vocabulary[name]
    if (id === undefined || (Number.isInteger(id) && id >= 0 && id < tokens.length)) continue
    throw new FormatError(
      `${source}: ${name} of the tokenizer must be below ${tokens.length}; got ${id}.`,
    )
  }
  const seen = new Map<string, number>()
  for (const [id, token] of tokens.entries()) {
    const other = seen.get(token)
    if (other !== undefined) {
      throw new FormatError(
        `${source}: each of tokenizer.ggml.tokens must be there once; got ${JSON.stringify(token)} as ${other} and ${id}.`,
      )
    }
    seen.set(token, id)
  }
}
