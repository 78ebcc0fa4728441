// llama.cpp through node-llama-cpp on the CPU, one round for each line of standard input.
//
// node generate.mjs MODEL.gguf THREADS
// Request: {"prefill": n} reads a prompt of n tokens; {"decode": n, "context": c} draws n tokens after c tokens, greedily.
// Answer: {"work": tokens, "seconds": s, "peakResident": bytes}. An empty line ends it.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'

const [path, threads] = process.argv.slice(2)
const llama = await getLlama({
  gpu: false,
  build: 'never',
  logLevel: LlamaLogLevel.error,
  maxThreads: Number(threads),
})
const model = await llama.loadModel({ modelPath: path })
const context = await model.createContext({
  contextSize: 2048,
  batchSize: 512,
  threads: { ideal: Number(threads), min: Number(threads) },
})
const sequence = context.getSequence()

/** Any tokens but the first few, which are special. */
const prompt = (count) => Array.from({ length: count }, (_, i) => 3 + ((i * 104729) % 20000))

async function prefill(count) {
  await sequence.clearHistory()
  const start = performance.now()
  for await (const _ of sequence.evaluate(prompt(count), { temperature: 0, yieldEogToken: true }))
    break
  return (performance.now() - start) / 1000
}

async function decode(count, contextTokens) {
  await sequence.clearHistory()
  const tokens = sequence.evaluate(prompt(contextTokens), { temperature: 0, yieldEogToken: true })
  await tokens.next()
  const start = performance.now()
  for (let drawn = 0; drawn < count; drawn++) await tokens.next()
  const seconds = (performance.now() - start) / 1000
  await tokens.return()
  return seconds
}

await prefill(32)
await decode(4, 16)
const { version } = JSON.parse(
  readFileSync(new URL('node_modules/node-llama-cpp/package.json', import.meta.url), 'utf8'),
)
console.log(JSON.stringify({ ready: true, 'node-llama-cpp': version }))
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === '') break
  const request = JSON.parse(line)
  const work = request.prefill ?? request.decode
  const seconds =
    request.prefill === undefined ? await decode(work, request.context) : await prefill(work)
  console.log(
    JSON.stringify({ work, seconds, peakResident: 1024 * process.resourceUsage().maxRSS }),
  )
}
process.exit(0)
