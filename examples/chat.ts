// Streams the answer of a chat model, token by token. Usage: node examples/dist/chat.js ["your question"]
import { fileURLToPath } from 'node:url'
import { loadModel, streamText } from '@llft/runtime'
import { Tokenizer } from '@llft/tokenizer'

const folder = fileURLToPath(new URL('../../demo/model', import.meta.url))
const tokenizer = await Tokenizer.fromFolder(folder)
const model = await loadModel(folder)

const question = process.argv[2] ?? 'What is the capital of France?'
const prompt = tokenizer.encodeChat([{ role: 'user', content: question }], {
  addGenerationPrompt: true,
})
const options = { maxNewTokens: 64, temperature: 0.7, topP: 0.9, seed: 1 }
for await (const event of streamText(model, tokenizer, [prompt], options)) {
  if (event.type === 'text') process.stdout.write(event.text)
  else console.log(`\n(${event.tokens} tokens, ended by ${event.reason})`)
}
model.dispose()
