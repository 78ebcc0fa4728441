import { type CausalLM, generateText, streamText } from '@llft/runtime'
import type { Tokenizer } from '@llft/tokenizer'

const MAX_ANSWER_TOKENS = 96

function prompt(tokenizer: Tokenizer, question: string): number[] {
  return tokenizer.encodeChat([{ role: 'user', content: question }], { addGenerationPrompt: true })
}

/** Greedy answers, all questions as one batch. */
export async function answers(
  model: CausalLM,
  tokenizer: Tokenizer,
  questions: readonly string[],
): Promise<string[]> {
  const prompts = questions.map((question) => prompt(tokenizer, question))
  const results = await generateText(model, tokenizer, prompts, {
    maxNewTokens: MAX_ANSWER_TOKENS,
  })
  return results.map(
    ({ text, finishReason }) => text.trim() + (finishReason === 'length' ? ' …' : ''),
  )
}

/** Writes an answer as it is drawn. */
export async function streamAnswer(
  model: CausalLM,
  tokenizer: Tokenizer,
  question: string,
  write: (text: string) => void,
): Promise<void> {
  const options = { maxNewTokens: 2 * MAX_ANSWER_TOKENS }
  for await (const event of streamText(model, tokenizer, [prompt(tokenizer, question)], options)) {
    if (event.type === 'text') write(event.text)
  }
  write('\n')
}
