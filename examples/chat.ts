// A conversation with a model and an adapter for it. Usage: node examples/dist/chat.js [MODEL [ADAPTER]]
// Without MODEL it is the small one of the demo. Ctrl-C stops an answer, or ends the program; so do /exit and Ctrl-D.
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import {
  AbortedError,
  type CausalLM,
  type ChatMessage,
  LlftError,
  loadAdapter,
  loadModel,
  streamText,
  Tokenizer,
} from '@llft/lora'

const DEMO = fileURLToPath(new URL('../../demo/model', import.meta.url))
const ANSWER = { maxNewTokens: 256, temperature: 0.7, topP: 0.9 }

/** Turns so far; the oldest are forgotten where the context of the model ends. */
const history: ChatMessage[] = []
/** Stops the answer that is being written. */
let answering: AbortController | undefined

try {
  const [folder = DEMO, adapter] = process.argv.slice(2)
  const model = await loadModel(folder)
  const tokenizer = await Tokenizer.fromFolder(folder)
  if (adapter !== undefined) await loadAdapter(model, adapter)
  await converse((question) => answer(model, tokenizer, question))
  model.dispose()
} catch (error) {
  if (!(error instanceof LlftError)) throw error
  console.error(error.message)
  process.exitCode = 1
}

async function converse(reply: (question: string) => Promise<void>): Promise<void> {
  const { stdin: input, stdout: output } = process
  const lines = createInterface({ input, output, terminal: input.isTTY, prompt: '> ' })
  let asks = input.isTTY
  lines.once('close', () => (asks = false))
  const interrupt = () => (answering === undefined ? lines.close() : answering.abort())
  for (const source of [lines, process]) source.on('SIGINT', interrupt)
  if (asks) lines.prompt()
  for await (const line of lines) {
    if (line.trim() === '/exit') break
    if (line.trim() !== '') await reply(line)
    if (asks) lines.prompt()
  }
  process.off('SIGINT', interrupt)
}

/** Asks the model what follows the conversation, and prints it as it comes. */
async function answer(model: CausalLM, tokenizer: Tokenizer, question: string): Promise<void> {
  history.push({ role: 'user', content: question })
  answering = new AbortController()
  let content = ''
  try {
    const options = { ...ANSWER, seed: history.length, signal: answering.signal }
    const prompt = promptThatFits(tokenizer, model.config.maxPositions - ANSWER.maxNewTokens)
    for await (const event of streamText(model, tokenizer, [prompt], options)) {
      if (event.type !== 'text') continue
      content += event.text
      process.stdout.write(event.text)
    }
  } catch (error) {
    if (!(error instanceof AbortedError)) throw error
  }
  answering = undefined
  console.log()
  history.push({ role: 'assistant', content })
}

function promptThatFits(tokenizer: Tokenizer, limit: number): number[] {
  const prompt = tokenizer.encodeChat(history, { addGenerationPrompt: true })
  if (prompt.length <= limit || history.length < 3) return prompt
  history.splice(0, 2)
  return promptThatFits(tokenizer, limit)
}
