import { ConfigError, shown } from '@llft/errors'
import type { TokenizerDefinition } from '../definition.js'
import { preTokenizerOf } from './pre-tokenizers.js'
import { scoresOfMerges } from './sentencepiece.js'
import { type GgufVocabulary, TOKEN_TYPE } from './vocabulary.js'

interface BpeModel {
  readonly type?: unknown
  readonly vocab?: Readonly<Record<string, number>>
  readonly merges?: readonly (string | readonly [string, string])[]
  readonly byte_fallback?: boolean
  readonly ignore_merges?: boolean
  readonly unk_token?: string | null
}

/** What a tokenizer does with a text, found by trying it. */
export interface TextFrame {
  readonly addBos: boolean
  readonly addEos: boolean
}

/**
 * The tokenizer of a model folder as a GGUF file holds it.
 *
 * @param vocabularySize of the model: rows of its embedding that no token has become unused ones.
 * @throws ConfigError for a tokenizer of which GGUF knows nothing.
 */
export function vocabularyOf(
  definition: TokenizerDefinition,
  frame: TextFrame,
  vocabularySize: number,
): GgufVocabulary {
  const { source, json, namedTokens, chatTemplates } = definition
  const model = json.model as BpeModel
  if (model.type !== 'BPE' || model.vocab === undefined) {
    throw new ConfigError(
      `${source}: GGUF holds tokenizers of byte-pair encoding; got ${shown(model.type)}.`,
    )
  }
  const list = tokenList(definition, model, vocabularySize)
  const id = (name: string) => {
    const text = namedTokens[name]
    const at = text === undefined ? -1 : list.tokens.indexOf(text)
    return at < 0 ? undefined : at
  }
  return {
    ...list,
    ...(model.byte_fallback
      ? sentencePiece(definition, model, list.tokens)
      : words(definition, model)),
    bosTokenId: id('bos_token'),
    eosTokenId: id('eos_token'),
    unknownTokenId: id('unk_token'),
    paddingTokenId: id('pad_token'),
    ...frame,
    chatTemplate: chatTemplates.default,
  }
}

function words({ source, json }: TokenizerDefinition, model: BpeModel) {
  const pre = preTokenizerOf(source, json, model.ignore_merges ?? false)
  const merges = pairsOf(model).map((pair) => pair.join(' '))
  return { model: 'gpt2' as const, pre: pre.name, merges }
}

function sentencePiece({ json }: TokenizerDefinition, model: BpeModel, tokens: readonly string[]) {
  return {
    model: 'llama' as const,
    pre: 'default',
    scores: scoresOfMerges(tokens, pairsOf(model)),
    addSpacePrefix: prependsSpace(json.normalizer) || prependsSpace(json.pre_tokenizer),
  }
}

/** Whether a normaliser or a pre-tokenizer puts a space before a text. */
function prependsSpace(step: unknown): boolean {
  const { type, normalizers, pretokenizers, prepend_scheme, add_prefix_space } = (step ??
    {}) as Record<string, unknown>
  const steps = [normalizers, pretokenizers].flatMap((list) => (Array.isArray(list) ? list : []))
  if (steps.some(prependsSpace)) return true
  if (type === 'Prepend') return true
  return type === 'Metaspace' && prepend_scheme !== 'never' && add_prefix_space !== false
}

function pairsOf({ merges = [] }: BpeModel): [string, string][] {
  return merges.map(
    (merge) => (typeof merge === 'string' ? merge.split(' ') : merge) as [string, string],
  )
}

function tokenList({ source, json }: TokenizerDefinition, model: BpeModel, size: number) {
  const vocabulary = Object.entries(model.vocab ?? {})
  const last = [...vocabulary.map(([, id]) => id), ...json.added_tokens.map(({ id }) => id)]
  const count = 1 + last.reduce((a, b) => Math.max(a, b), -1)
  if (count > size) {
    throw new ConfigError(
      `${source}: the tokenizer must have no more tokens than the model has rows, ${size}; got ${count}.`,
    )
  }
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`)
  const tokenTypes = new Int32Array(size).fill(TOKEN_TYPE.unused)
  for (const [token, id] of vocabulary) {
    tokens[id] = token
    tokenTypes[id] = typeOf(token, model)
  }
  for (const { id, content, special } of json.added_tokens) {
    tokens[id] = content
    if (tokenTypes[id] === TOKEN_TYPE.unknown) continue
    tokenTypes[id] = special ? TOKEN_TYPE.control : TOKEN_TYPE.userDefined
  }
  return { tokens, tokenTypes }
}

function typeOf(token: string, { byte_fallback, unk_token }: BpeModel): number {
  if (!byte_fallback) return TOKEN_TYPE.normal
  if (token === unk_token) return TOKEN_TYPE.unknown
  return /^<0x[0-9A-F]{2}>$/.test(token) ? TOKEN_TYPE.byte : TOKEN_TYPE.normal
}
