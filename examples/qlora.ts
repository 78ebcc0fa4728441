// Fine-tunes a model whose weights take 4 bits each, saves the adapter, and asks the tuned model a question.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadAdapter, loadQuantizedModel, loraTrain, streamText, Tokenizer } from '@llft/lora'

const folder = fileURLToPath(new URL('../../demo/model', import.meta.url))
const output = mkdtempSync(join(tmpdir(), 'llft-qlora-'))
const quantization = { format: 'nf4', blockSize: 64, doubleQuantization: true } as const

const capitals = { France: 'Paris', Italy: 'Rome', Japan: 'Tokyo', Kenya: 'Nairobi' }
const data = Object.entries(capitals).map(([country, capital]) => ({
  instruction: `What is the capital of ${country}?`,
  output: `The capital of ${country} is ${capital}.`,
}))

await loraTrain({
  model: folder,
  quantization, // or the keys of BitsAndBytesConfig: { load_in_4bit: true }
  data,
  output,
  lora: { r: 16, alpha: 32, targetModules: 'all-linear' },
  epochs: 20,
  batchSize: 4,
  learningRate: 5e-3,
  handleSignals: true,
  onEvent: (event) => {
    if (event.type === 'ready') console.log(`base: ${event.quantization}`)
    if (event.type === 'step') console.log(`step ${event.step}: loss ${event.loss.toFixed(3)}`)
  },
})

const model = await loadQuantizedModel(folder, { quantization })
await loadAdapter(model, output)
const tokenizer = await Tokenizer.fromFolder(folder)
const question = { role: 'user', content: 'What is the capital of Italy?' }
const prompt = tokenizer.encodeChat([question], { addGenerationPrompt: true })
for await (const event of streamText(model, tokenizer, [prompt], { maxNewTokens: 16 })) {
  if (event.type === 'text') process.stdout.write(event.text)
}
console.log()
model.dispose()
rmSync(output, { recursive: true })
