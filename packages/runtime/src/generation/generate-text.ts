import type { CausalLM } from '../models/causal-lm.js'
import { Decoding, type FinishReason, type GenerationEvent } from './decoding.js'
import { checkCall, type GenerateTextOptions, resolveTextOptions } from './options.js'
import { StopBuffer } from './stop-buffer.js'

/** Turns text into tokens and back; @llft/tokenizer's Tokenizer is one. */
export interface TextCodec {
  encode(text: string): number[]
  streamDecoder(): TextStream
}

/** Tokens to text, one by one, never half a character. */
export interface TextStream {
  push(id: number): string
  flush(): string
}

/** A piece of text for prompt `index`, or its end with the whole continuation. */
export type TextEvent =
  | { type: 'text'; index: number; text: string }
  | { type: 'end'; index: number; reason: FinishReason; text: string; tokens: number }

/** A finished continuation. */
export interface GeneratedText {
  text: string
  /** Tokens drawn, without the end token. */
  tokens: number
  finishReason: FinishReason
}

/**
 * Continues texts, or token lists such as a chat template gives, and yields text as soon as it is certain: not while
 * it may be part of a stop string or of an unfinished character.
 *
 * @throws what `generateStream` throws.
 */
export async function* streamText(
  model: CausalLM,
  codec: TextCodec,
  prompts: readonly (string | readonly number[])[],
  options: GenerateTextOptions = {},
): AsyncGenerator<TextEvent, void, undefined> {
  checkCall(model, prompts, 'generateText')
  const { stop, ...rest } = resolveTextOptions(options, model.config)
  const ids = prompts.map((prompt) => (typeof prompt === 'string' ? codec.encode(prompt) : prompt))
  const rows = prompts.map((_, index) => new TextRow(index, codec.streamDecoder(), stop))
  const decoding = new Decoding(model, ids, rest)
  try {
    while (!decoding.finished) {
      for (const event of await decoding.step()) {
        const row = rows[event.index] as TextRow
        yield* row.take(event)
        if (row.ended) decoding.finish(row.index)
      }
    }
  } finally {
    decoding.dispose()
  }
}

/** `streamText`, gathered, in the order of the prompts. */
export async function generateText(
  model: CausalLM,
  codec: TextCodec,
  prompts: readonly (string | readonly number[])[],
  options: GenerateTextOptions = {},
): Promise<GeneratedText[]> {
  const results: GeneratedText[] = []
  for await (const event of streamText(model, codec, prompts, options)) {
    if (event.type !== 'end') continue
    const { text, tokens, reason } = event
    results[event.index] = { text, tokens, finishReason: reason }
  }
  return results
}

class TextRow {
  ended = false
  readonly #stops: StopBuffer
  #text = ''
  #tokens = 0

  constructor(
    readonly index: number,
    private readonly decoder: TextStream,
    stop: readonly string[],
  ) {
    this.#stops = new StopBuffer(stop)
  }

  *take(event: GenerationEvent): Generator<TextEvent> {
    if (this.ended) return
    if (event.type === 'token') {
      this.#tokens++
      yield* this.add(this.decoder.push(event.id))
    } else {
      yield* this.add(this.decoder.flush())
      if (this.ended) return
      yield* this.show(this.#stops.flush())
      yield this.end(event.reason)
    }
  }

  private *add(piece: string): Generator<TextEvent> {
    const { text, stopped } = this.#stops.push(piece)
    yield* this.show(text)
    if (stopped) yield this.end('stop')
  }

  private *show(text: string): Generator<TextEvent> {
    this.#text += text
    if (text !== '') yield { type: 'text', index: this.index, text }
  }

  private end(reason: FinishReason): TextEvent {
    this.ended = true
    return { type: 'end', index: this.index, reason, text: this.#text, tokens: this.#tokens }
  }
}
