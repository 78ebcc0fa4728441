import { DataError } from '@llft/errors'
import type { ChatMessage } from '@llft/tokenizer'

/** Which turns are learnt: each answer, the last answer, or every token of the row. */
export type TrainOn = 'all-assistant' | 'last-assistant' | 'all'

/** Characters [start, end) of a rendered conversation. */
export interface TextSpan {
  readonly start: number
  readonly end: number
}

/** Renders a conversation, ending with the opening of an answer if asked. */
export type RenderChat = (messages: readonly ChatMessage[], addGenerationPrompt: boolean) => string

/**
 * Where the answers stand in the rendered text, each with what the template writes behind it (its
 * end-of-turn token), found by rendering the turns before it and comparing.
 * @param text the whole conversation rendered
 * @throws DataError if the template writes a turn differently once more turns follow
 */
export function answerSpans(
  text: string,
  messages: readonly ChatMessage[],
  render: RenderChat,
  train: TrainOn,
): TextSpan[] {
  if (train === 'all') return [{ start: 0, end: text.length }]
  const answers = [...messages.keys()].filter((i) => messages[i]?.role === 'assistant')
  const trained = train === 'last-assistant' ? answers.slice(-1) : answers
  return trained.map((i) => {
    const prompt = render(messages.slice(0, i), true)
    if (!text.startsWith(prompt)) {
      throw new DataError(
        `the chat template must write the turns before answer ${i} as it writes them in the whole conversation; got another text. Use train: 'last-assistant'.`,
      )
    }
    return { start: prompt.length, end: answerEnd(text, prompt.length, messages, i, render) }
  })
}

function answerEnd(
  text: string,
  start: number,
  messages: readonly ChatMessage[],
  index: number,
  render: RenderChat,
): number {
  if (index === messages.length - 1) return text.length
  const through = render(messages.slice(0, index + 1), false)
  if (text.startsWith(through) && through.length > start) return through.length
  // Some templates write the last answer differently (with an empty thought before it, say). The
  // end of turn is then what follows the text of the answer, as it does behind the last one.
  const content = String(messages[index]?.content).trim()
  const ending = through.slice(through.lastIndexOf(content) + content.length)
  const at = text.indexOf(content, start) + content.length
  if (content !== '' && text.startsWith(content, start) && text.startsWith(ending, at)) {
    return at + ending.length
  }
  throw new DataError(
    `the chat template must write answer ${index} as it writes it at the end of a conversation; got another text. Use train: 'last-assistant'.`,
  )
}
