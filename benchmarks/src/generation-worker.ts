// Generation of ours: the protocol of baselines/llama-cpp/generate.mjs.
import { loadQuantizedModel } from '@llft/quant'
import { generateStream, loadModel } from '@llft/runtime'
import type { GenerationRequest, GenerationSetting } from './generation-setting.js'
import { serveRounds } from './worker.js'

const { folder, base } = JSON.parse(process.argv[2] ?? '') as GenerationSetting
const dtype = 'bfloat16'
const model =
  base === 'bf16'
    ? await loadModel(folder, { dtype })
    : await loadQuantizedModel(folder, { dtype, quantization: { format: base } })
await prefill(32)
await decode(4, 16)
await serveRounds({}, async (request) => {
  const { prefill: prompt, decode: drawn, context = 0 } = request as GenerationRequest
  return prompt === undefined
    ? { work: drawn ?? 0, seconds: await decode(drawn ?? 0, context) }
    : { work: prompt, seconds: await prefill(prompt) }
})
model.dispose()

async function prefill(tokens: number): Promise<number> {
  const start = performance.now()
  for await (const _ of generateStream(model, [promptOf(tokens)], { maxNewTokens: 1 })) break
  return (performance.now() - start) / 1000
}

async function decode(tokens: number, context: number): Promise<number> {
  const stream = generateStream(model, [promptOf(context)], {
    maxNewTokens: tokens + 1,
    eosTokenIds: [],
  })
  let drawn = 0
  let start = 0
  for await (const { type } of stream) {
    if (type !== 'token') continue
    if (drawn++ === 0) start = performance.now()
  }
  return (performance.now() - start) / 1000
}

/** Any tokens but the first few, which are special. */
function promptOf(tokens: number): number[] {
  return Array.from({ length: tokens }, (_, i) => 3 + ((i * 104729) % 20000))
}
