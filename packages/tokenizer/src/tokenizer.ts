import { createHash } from 'node:crypto'
import { ConfigError, DataError, shown } from '@llft/errors'
import { flag, parseOptions } from '@llft/options'
import { z } from 'zod'
import { type ChatMessage, ChatTemplate } from './chat-template.js'
import { createEncoder } from './create-encoder.js'
import { defineTokenizer, readDefinition, type TokenizerDefinition } from './definition.js'
import type { Encoder } from './encoder.js'
import { filesOfVocabulary } from './gguf/from-vocabulary.js'
import { vocabularyOf } from './gguf/to-vocabulary.js'
import type { GgufVocabulary } from './gguf/vocabulary.js'
import { joinPieces } from './join-pieces.js'
import { describedBy } from './library.js'
import { escapeMarks, SpecialTextGuard } from './special-text.js'
import { type PieceSource, StreamDecoder } from './stream-decoder.js'
import { type PieceRules, pieceRules, type TokenPiece, tokenPiece } from './token-pieces.js'

export interface EncodeOptions {
  /** Whether the tokenizer's own BOS/EOS are added. Default false. */
  readonly addSpecialTokens?: boolean | undefined
}

export interface DecodeOptions {
  /** Whether special tokens such as `<|im_end|>` are left out. Default true. */
  readonly skipSpecialTokens?: boolean | undefined
}

export interface ChatOptions {
  /** Whether the text ends with the opening of an assistant turn. Default false. */
  readonly addGenerationPrompt?: boolean | undefined
  /** Functions the model may call, as JSON schemas; selects the template `tool_use` if there is one. */
  readonly tools?: readonly unknown[] | undefined
  /** Further names for the template, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined
  /**
   * Whether special tokens that messages contain stay text when the result is given to
   * `encodeTemplate`. Default false in `applyChatTemplate`, true in `encodeChat`.
   */
  readonly guardSpecialTokens?: boolean | undefined
  /** The time that templates with a date see. Default now. */
  readonly now?: Date | undefined
}

const encodeSchema = z.strictObject({ addSpecialTokens: flag.default(false) })
const decodeSchema = z.strictObject({ skipSpecialTokens: flag.default(true) })
const chatSchema = z.strictObject({
  addGenerationPrompt: flag.default(false),
  tools: z.array(z.unknown(), 'must be a list of functions').optional(),
  variables: z.record(z.string(), z.unknown(), 'must be an object').default({}),
  guardSpecialTokens: flag.default(false),
  now: z.date('must be a Date').optional(),
} satisfies Record<keyof ChatOptions, z.ZodType>)

/** Names of the template that options must not replace. */
const RESERVED = new Set(['messages', 'tools', 'documents', 'add_generation_prompt'])

/** The tokenizer of a model, with its chat template. */
export class Tokenizer {
  private readonly encoder: Encoder
  private readonly rules: PieceRules
  private readonly addedIds = new Map<number, boolean>()
  private readonly pieces: (TokenPiece | undefined)[] = []
  private readonly guard: SpecialTextGuard
  private readonly templates = new Map<string, ChatTemplate>()

  private constructor(private readonly definition: TokenizerDefinition) {
    const { source, json } = definition
    this.rules = pieceRules(source, json.decoder)
    this.encoder = createEncoder(definition)
    for (const { id, special } of json.added_tokens) this.addedIds.set(id, special ?? false)
    this.guard = new SpecialTextGuard(
      json.added_tokens.filter(({ special }) => special).map(({ content }) => content),
    )
  }

  /**
   * Reads tokenizer.json, tokenizer_config.json and the chat template of a model folder.
   * @throws FormatError naming the file
   */
  static async fromFolder(folder: string): Promise<Tokenizer> {
    requireText(folder, 'Tokenizer.fromFolder: the folder')
    return new Tokenizer(await readDefinition(folder))
  }

  /**
   * From the parsed contents of tokenizer.json and tokenizer_config.json.
   * @throws FormatError if they describe no tokenizer
   */
  static fromJson(
    json: Readonly<Record<string, unknown>>,
    config: Readonly<Record<string, unknown>> = {},
  ): Tokenizer {
    return new Tokenizer(defineTokenizer('tokenizer', json, config))
  }

  /**
   * From the vocabulary of a GGUF file.
   *
   * @param source names the file in errors.
   * @throws FormatError if it contradicts itself, or finds words in a way that is not known
   */
  static fromGguf(vocabulary: GgufVocabulary, source = 'tokenizer'): Tokenizer {
    const { json, config } = filesOfVocabulary(source, vocabulary)
    return new Tokenizer(defineTokenizer(source, json, config))
  }

  /**
   * As a GGUF file holds it. What GGUF has no word for (blanks that added tokens swallow) is left out.
   *
   * @param vocabularySize of the model
   * @throws ConfigError for a tokenizer that GGUF does not know
   */
  ggufVocabulary(vocabularySize = this.vocabSize): GgufVocabulary {
    return vocabularyOf(this.definition, this.frame(), vocabularySize)
  }

  /** Number of ids, added tokens included; every id is below it. */
  get vocabSize(): number {
    return this.encoder.library.model.vocab.length
  }

  get bosTokenId(): number | undefined {
    return this.namedTokenId('bos_token')
  }

  get eosTokenId(): number | undefined {
    return this.namedTokenId('eos_token')
  }

  get padTokenId(): number | undefined {
    return this.namedTokenId('pad_token')
  }

  /** The token's text in the vocabulary, where a space may be written as another character. */
  idToToken(id: number): string | undefined {
    return this.encoder.library.id_to_token(id)
  }

  tokenToId(token: string): number | undefined {
    return this.encoder.library.token_to_id(token)
  }

  /** Whether the id is a special token, one that `decode` leaves out. */
  isSpecial(id: number): boolean {
    return this.addedIds.get(id) ?? false
  }

  /** Token ids of a text. Special tokens spelt in the text become those tokens. */
  encode(text: string, options: EncodeOptions = {}): number[] {
    requireText(text, 'encode: the text')
    const { addSpecialTokens } = parseOptions(encodeSchema, options, 'encode')
    return this.encodeMarked(escapeMarks(text), addSpecialTokens)
  }

  /** Number of token ids of a text, without BOS/EOS. */
  countTokens(text: string): number {
    return this.encode(text).length
  }

  /** The text of token ids, unchanged: spaces before punctuation stay. Unknown ids are left out. */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    return joinPieces(this.pieceSource(parseOptions(decodeSchema, options, 'decode')), ids)
  }

  /** A decoder for tokens that come one by one. */
  streamDecoder(options: DecodeOptions = {}): StreamDecoder {
    return new StreamDecoder(this.pieceSource(parseOptions(decodeSchema, options, 'streamDecoder')))
  }

  get hasChatTemplate(): boolean {
    return Object.keys(this.definition.chatTemplates).length > 0
  }

  /** The source of the chat template, or undefined. */
  get chatTemplate(): string | undefined {
    return this.definition.chatTemplates.default
  }

  /**
   * SHA-256 of what decides on token ids, and of the chat templates; undefined where there are none. Two tokenizers with the
   * same give the same ids and texts.
   */
  fingerprint(): { readonly tokenizer: string; readonly template: string | undefined } {
    const { json, namedTokens, chatTemplates } = this.definition
    const hash = (value: unknown) =>
      createHash('sha256').update(JSON.stringify(value)).digest('hex')
    return {
      tokenizer: hash([json, namedTokens]),
      template: this.hasChatTemplate ? hash(chatTemplates) : undefined,
    }
  }

  /**
   * The text of a conversation. BOS and EOS are in it as far as the template writes them.
   * @throws ConfigError if the model has no chat template, DataError if it refuses the conversation
   */
  applyChatTemplate(messages: readonly ChatMessage[], options: ChatOptions = {}): string {
    requireMessages(messages)
    const parsed = parseOptions(chatSchema, options, 'applyChatTemplate')
    const { tools, variables, guardSpecialTokens } = parsed
    const taken = Object.keys(variables).find(
      (name) => RESERVED.has(name) || name in this.definition.namedTokens,
    )
    if (taken !== undefined) {
      throw new ConfigError(
        `applyChatTemplate: variables must not replace what the template is given; got "${taken}".`,
      )
    }
    const guarded = <T>(value: T): T =>
      guardSpecialTokens ? (this.guard.guardValue(value) as T) : value
    return this.template(tools !== undefined).render(
      {
        ...this.definition.namedTokens,
        ...variables,
        messages: guarded(messages),
        tools: guarded(tools) ?? null,
        documents: null,
        add_generation_prompt: parsed.addGenerationPrompt,
      },
      parsed.now,
    )
  }

  /**
   * Token ids of a conversation; see applyChatTemplate. Nothing is added to what the template
   * writes, and special tokens inside messages stay text unless `guardSpecialTokens` is false.
   */
  encodeChat(messages: readonly ChatMessage[], options: ChatOptions = {}): number[] {
    return this.encodeTemplate(
      this.applyChatTemplate(messages, { guardSpecialTokens: true, ...options }),
    )
  }

  /** Marks the special tokens in a text so that `encodeTemplate` takes them for text. */
  guardSpecialTokens(text: string): string {
    return this.guard.guardText(text)
  }

  /** Token ids of a text rendered by applyChatTemplate or guarded by guardSpecialTokens. */
  encodeTemplate(text: string): number[] {
    return this.encodeMarked(text, false)
  }

  private encodeMarked(text: string, addSpecialTokens: boolean): number[] {
    return describedBy(this.definition.source, () => this.encoder.encode(text, addSpecialTokens))
  }

  /** Which of BOS and EOS are put around a text. */
  private frame(): { addBos: boolean; addEos: boolean } {
    const framed = this.encode('a', { addSpecialTokens: true })
    return {
      addBos: framed.length > 1 && framed[0] === this.bosTokenId,
      addEos: framed.length > 1 && framed.at(-1) === this.eosTokenId,
    }
  }

  private namedTokenId(name: string): number | undefined {
    const token = this.definition.namedTokens[name]
    return token === undefined ? undefined : this.tokenToId(token)
  }

  private pieceSource({ skipSpecialTokens }: Required<DecodeOptions>): PieceSource {
    const { leadingSpaces } = this.rules
    if (!skipSpecialTokens) return { leadingSpaces, piece: (id) => this.piece(id) }
    return { leadingSpaces, piece: (id) => (this.isSpecial(id) ? undefined : this.piece(id)) }
  }

  private piece(id: number): TokenPiece | undefined {
    const known = this.pieces[id]
    if (known !== undefined) return known
    const token = this.idToToken(id)
    if (token === undefined) return undefined
    const piece = this.addedIds.has(id) ? token : tokenPiece(token, this.rules)
    this.pieces[id] = piece
    return piece
  }

  private template(withTools: boolean): ChatTemplate {
    const { chatTemplates, source } = this.definition
    const name = withTools && chatTemplates.tool_use !== undefined ? 'tool_use' : 'default'
    const text = chatTemplates[name]
    if (text === undefined) {
      throw new ConfigError(
        `${source}: the tokenizer must have a chat template; got none. Use an instruct model, or prompt it as it was trained: formatPlain of @llft/data writes '### Instruction:' and '### Response:', as training does where there is no template.`,
      )
    }
    const template = this.templates.get(name) ?? new ChatTemplate(source, text)
    this.templates.set(name, template)
    return template
  }
}

/** @throws ConfigError, as JavaScript may pass anything */
function requireText(text: unknown, what: string): void {
  if (typeof text === 'string') return
  throw new ConfigError(`${what} must be a string; got ${shown(text)}.`)
}

/** @throws DataError naming the first that is no message */
function requireMessages(messages: unknown): void {
  if (!Array.isArray(messages)) {
    throw new DataError(
      `applyChatTemplate: messages must be a list of { role, content }; got ${shown(messages)}.`,
    )
  }
  const wrong = messages.findIndex((message) => typeof message?.role !== 'string')
  if (wrong < 0) return
  throw new DataError(
    `applyChatTemplate: messages[${wrong}] must be { role, content } with a role in words; got ${shown(messages[wrong])}.`,
  )
}
