// llama.cpp through node-llama-cpp on the CPU, one round for each line of standard input.
//
// node generate.mjs MODEL.gguf THREADS [BACKEND]
// BACKEND names the build of the kernels, such as haswell; without it llama.cpp takes the best for the machine.
// Request: {"prefill": n} reads a prompt of n tokens; {"decode": n, "context": c} draws n tokens after c tokens, greedily.
// Answer: {"work": tokens, "seconds": s, "peakResident": bytes}. An empty line ends it.
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'

const [path, threads, backend] = process.argv.slice(2)
if (backend !== undefined) await loadBackend(backend)
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

/**
 * Loads one build of the kernels from a folder that has no other. llama.cpp looks for the best one only where it has none
 * yet. Where the package has no such build, it chooses by itself; which one runs is told in any case.
 */
async function loadBackend(name) {
  const machine = `${process.platform}-${process.arch}`
  const { getBinsDir } = await import(`@node-llama-cpp/${machine}`)
  const bins = join(getBinsDir().binsDir, machine)
  const file = `libggml-cpu-${name}.so`
  if (!existsSync(join(bins, file))) return
  const folder = mkdtempSync(join(tmpdir(), 'llft-bench-'))
  symlinkSync(join(bins, file), join(folder, file))
  createRequire(import.meta.url)(join(bins, 'llama-addon.node')).loadBackends(folder)
  rmSync(folder, { recursive: true })
}

/** Of the library that this process has mapped; Linux tells. */
function loadedBackend() {
  const maps = existsSync('/proc/self/maps') ? readFileSync('/proc/self/maps', 'utf8') : ''
  return /libggml-cpu-(\w+)\.so/.exec(maps)?.[1] ?? 'unknown'
}

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
console.log(JSON.stringify({ ready: true, 'node-llama-cpp': version, kernels: loadedBackend() }))
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
