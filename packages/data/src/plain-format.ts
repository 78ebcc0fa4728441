import type { ChatMessage } from '@llft/tokenizer'

/**
 * The text of a conversation for models without a chat template:
 *
 *     You are brief.
 *
 *     ### Instruction:
 *     Name a colour.
 *
 *     ### Response:
 *     Blue<EOS>
 *
 * Every answer ends with the model's EOS token; a blank line stands between the parts.
 * @param eos the EOS token as text; '' if the model has none
 * @param addGenerationPrompt whether the text ends where an answer is to begin
 */
export function formatPlain(
  messages: readonly ChatMessage[],
  eos: string,
  addGenerationPrompt = false,
): string {
  const parts = messages.map(({ role, content }) => {
    if (role === 'system') return `${content}`
    return role === 'assistant' ? `${RESPONSE}${content}${eos}` : `### Instruction:\n${content}`
  })
  if (addGenerationPrompt) parts.push(RESPONSE)
  return parts.join('\n\n')
}

const RESPONSE = '### Response:\n'
