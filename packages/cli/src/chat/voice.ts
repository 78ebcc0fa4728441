import { AbortedError } from '@llft/errors'
import { type CausalLM, streamText } from '@llft/runtime'
import type { Tokenizer } from '@llft/tokenizer'
import type { Speaker } from '../cli-event.js'
import type { Conversation } from './conversation.js'

/** How answers are drawn. */
export interface AnswerSettings {
  readonly maxTokens: number
  readonly temperature: number
  readonly topP: number
  readonly seed: number
}

/** An answer that has ended. */
export interface Answer {
  readonly who: Speaker
  readonly text: string
  readonly tokens: number
  /** 'eos', 'length' (--max-tokens), 'context', or 'stopped' by Ctrl-C. */
  readonly reason: string
  readonly seconds: number
}

/** What is told while an answer is drawn. */
export interface Listener {
  /** A piece of text, as soon as it is certain. */
  text(who: Speaker, text: string): void
  /** Turns that are forgotten, as they do not fit into the context. */
  forgotten(turns: number): void
}

export interface VoiceOptions {
  readonly who: Speaker
  readonly model: CausalLM
  readonly tokenizer: Tokenizer
  readonly conversation: Conversation
  /** Puts the model into the state in which it speaks, for the time of `work`. Default: as it is. */
  readonly within?: ((work: () => Promise<void>) => Promise<void>) | undefined
}

/** A model with its side of a conversation. */
export class Voice {
  readonly who: Speaker
  readonly conversation: Conversation

  constructor(private readonly options: VoiceOptions) {
    this.who = options.who
    this.conversation = options.conversation
  }

  /**
   * Answers, and keeps question and answer. An abort ends the answer where it is, and is no error.
   *
   * @throws DataError if the template refuses the question, or it is longer than the context; it is not kept then
   */
  async answer(
    question: string,
    settings: AnswerSettings,
    listener: Listener,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { conversation, who } = this
    const { within = (work) => work() } = this.options
    const { ids, forgotten } = conversation.promptFor(question)
    if (forgotten > 0) listener.forgotten(forgotten)
    const started = performance.now()
    const state = { text: '', tokens: 0, reason: 'stopped' }
    await within(async () => {
      for await (const event of this.stream(ids, settings, signal)) {
        if (event.type === 'text') {
          state.text += event.text
          listener.text(who, event.text)
        } else Object.assign(state, { tokens: event.tokens, reason: event.reason })
      }
    }).catch((error: unknown) => {
      if (!(error instanceof AbortedError)) throw error
      state.tokens = this.options.tokenizer.countTokens(state.text)
    })
    conversation.add(question, state.text)
    return { who, ...state, seconds: (performance.now() - started) / 1000 }
  }

  private stream(ids: readonly number[], settings: AnswerSettings, signal: AbortSignal) {
    const { model, tokenizer } = this.options
    const { maxTokens: maxNewTokens, temperature, topP, seed } = settings
    // The end of a turn is learnt from the template, whatever the configuration of the base ends with.
    const { eosTokenId } = tokenizer
    const ends = new Set([
      ...model.config.eosTokenIds,
      ...(eosTokenId === undefined ? [] : [eosTokenId]),
    ])
    const options = { maxNewTokens, temperature, topP, seed, signal, eosTokenIds: [...ends] }
    return streamText(model, tokenizer, [ids], options)
  }
}
