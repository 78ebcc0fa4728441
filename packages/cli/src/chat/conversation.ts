import { formatPlain } from '@llft/data'
import type { ChatMessage, Tokenizer } from '@llft/tokenizer'

/** What is kept of the context for an answer, at least. */
const LEAST_ANSWER_TOKENS = 16

export interface ConversationOptions {
  readonly system?: string | undefined
  /** Tokens of the model's context. */
  readonly contextTokens: number
  /** Most tokens of an answer, which the prompt leaves room for. */
  readonly answerTokens: number
}

/** A prompt for the next answer. */
export interface Prompt {
  readonly ids: readonly number[]
  /** Turns that no longer fit and are forgotten from now on. */
  readonly forgotten: number
}

/** The turns so far, as the model is given them: by its chat template, or plainly where it has none. */
export class Conversation {
  /** What stands before the turns. */
  system: string | undefined
  #turns: ChatMessage[] = []

  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly options: ConversationOptions,
  ) {
    this.system = options.system
  }

  /** Forgets all but the system's text. */
  reset(): void {
    this.#turns = []
  }

  /**
   * What the model is to continue after `question`. Where it does not fit, the oldest questions and answers are forgotten.
   *
   * @throws DataError if the template refuses the conversation
   */
  promptFor(question: string): Prompt {
    let ids = this.encode(question)
    let forgotten = 0
    while (ids.length > this.roomForPrompt && this.#turns.length > 0) {
      forgotten += this.#turns.splice(0, 2).length
      ids = this.encode(question)
    }
    return { ids, forgotten }
  }

  add(question: string, answer: string): void {
    this.#turns.push({ role: 'user', content: question }, { role: 'assistant', content: answer })
  }

  private get roomForPrompt(): number {
    const { contextTokens, answerTokens } = this.options
    const answer = Math.min(answerTokens, Math.max(LEAST_ANSWER_TOKENS, contextTokens / 2))
    return contextTokens - answer
  }

  private encode(question: string): number[] {
    const { system, tokenizer } = this
    const messages: ChatMessage[] = [
      ...(system === undefined ? [] : [{ role: 'system', content: system }]),
      ...this.#turns,
      { role: 'user', content: question },
    ]
    if (tokenizer.hasChatTemplate) {
      return tokenizer.encodeChat(messages, { addGenerationPrompt: true })
    }
    // As training does it for such a model.
    const guarded = messages.map(({ role, content }) => {
      return { role, content: tokenizer.guardSpecialTokens(String(content)) }
    })
    return tokenizer.encodeTemplate(formatPlain(guarded, eosTextOf(tokenizer), true))
  }
}

function eosTextOf(tokenizer: Tokenizer): string {
  const { eosTokenId } = tokenizer
  return eosTokenId === undefined ? '' : (tokenizer.idToToken(eosTokenId) ?? '')
}
