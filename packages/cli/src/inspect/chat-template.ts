import type { Tokenizer } from '@llft/tokenizer'

const ANSWER = 'The answer is blue.'
const CONVERSATION = [
  { role: 'user', content: 'Name a colour.' },
  { role: 'assistant', content: ANSWER },
]

/**
 * What is wrong with a chat template, found by rendering a question with its answer.
 *
 * @param ends ids that end a generation
 */
export function templateProblems(tokenizer: Tokenizer, ends: readonly number[]): string[] {
  let text: string
  try {
    text = tokenizer.applyChatTemplate(CONVERSATION)
  } catch (error) {
    return [`The chat template does not render a conversation: ${(error as Error).message}`]
  }
  const at = text.lastIndexOf(ANSWER)
  if (at < 0) return ['The chat template leaves answers out, so nothing could be learnt.']
  const behind = tokenizer.encodeTemplate(text.slice(at + ANSWER.length))
  if (behind.some((id) => ends.includes(id))) return []
  const names = ends.map((id) => tokenizer.idToToken(id) ?? String(id))
  return [
    `The chat template writes no end token (${names.join(', ') || 'none is named'}) behind an answer, so a model that is trained with it does not learn to stop.`,
  ]
}
