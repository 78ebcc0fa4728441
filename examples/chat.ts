// A conversation with a model and, if one is given, an adapter: answers are written as they are made.
// Usage: node examples/dist/chat.js [MODEL] [ADAPTER]; /exit or Ctrl-D ends it, Ctrl-C ends an answer.
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import {
  AbortedError,
  type ChatMessage,
  LlftError,
  loadAdapter,
  loadModel,
  streamText,
  Tokenizer,
} from '@llft/lora'

const folder = process.argv[2] ?? fileURLToPath(new URL('../../demo/model', import.meta.url))
const adapter = process.argv[3]
const options = { maxNewTokens: 200, temperature: 0.7, topP: 0.9, seed: 1 }

try {
  const model = await loadModel(folder)
  const tokenizer = await Tokenizer.fromFolder(folder)
  if (adapter !== undefined) await loadAdapter(model, adapter)
  const messages: ChatMessage[] = []
  const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' })
  let answering = new AbortController()
  lines.on('SIGINT', () => (answering.signal.aborted ? lines.close() : answering.abort()))
  lines.prompt()
  for await (const question of lines) {
    if (question.trim() === '/exit') break
    if (question.trim() !== '') {
      messages.push({ role: 'user', content: question })
      answering = new AbortController()
      messages.push({ role: 'assistant', content: await answer(answering.signal) })
    }
    answering.abort()
    lines.prompt()
  }
  lines.close()
  model.dispose()

  async function answer(signal: AbortSignal): Promise<string> {
    const prompt = tokenizer.encodeChat(messages, { addGenerationPrompt: true })
    let text = ''
    try {
      for await (const event of streamText(model, tokenizer, [prompt], { ...options, signal })) {
        if (event.type !== 'text') continue
        process.stdout.write(event.text)
        text += event.text
      }
    } catch (error) {
      if (!(error instanceof AbortedError)) throw error
    }
    process.stdout.write('\n')
    return text
  }
} catch (error) {
  if (!(error instanceof LlftError)) throw error
  console.error(error.message)
  process.exitCode = 1
}
