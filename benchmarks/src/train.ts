import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { injectLora } from '@llft/lora'
import {
  batchOf,
  createModel,
  loadModel,
  parseConfig,
  saveModel,
  type TokenBatch,
} from '@llft/runtime'
import { train as runTraining } from '@llft/train'
import { measurePeak } from './machine-peak.js'
import { loraStepFlops, SHAPE, SMOLLM2_135M } from './model-shape.js'
import { PythonPeer } from './peer.js'
import { type BenchOptions, compared, median, type Result } from './result.js'

const BATCH = 4
const TOKENS = 256
const RANK = 16
const ALPHA = 32
const TARGETS = ['q_proj', 'k_proj', 'v_proj', 'o_proj']
const LEARNING_RATE = 5e-4
/** Steps of one round: long enough that starting does not count, short enough to alternate often. */
const STEPS = 2

/** LoRA training of SmolLM2-135M in bfloat16, every token labelled, nothing recomputed. */
export async function train(options: BenchOptions): Promise<Result[]> {
  const { folder, remove } = await modelFolder()
  try {
    const peer = options.baseline ? await startPeer(folder, options.log) : undefined
    try {
      return [await measure(folder, peer, options)]
    } finally {
      peer?.stop()
    }
  } finally {
    remove()
  }
}

async function measure(
  folder: string,
  peer: PythonPeer | undefined,
  options: BenchOptions,
): Promise<Result> {
  const flops = loraStepFlops(SHAPE, TOKENS, RANK)
  const peaks = [measurePeak('bfloat16')]
  const ours = await startOurs(folder)
  const oursSpeeds: number[] = []
  const peerSpeeds: number[] = []
  for (let round = 1; round <= options.rounds; round++) {
    oursSpeeds.push(await ours.run(STEPS))
    if (peer) peerSpeeds.push(await peer.run(STEPS))
    const theirs = peer ? `, peer ${peerSpeeds.at(-1)!.toFixed(0)}` : ''
    options.log(
      `round ${round}/${options.rounds}: ours ${oursSpeeds.at(-1)!.toFixed(0)} tokens/s${theirs}`,
    )
  }
  ours.stop()
  peaks.push(measurePeak('bfloat16'))
  return compared({
    bench: 'train',
    case: `SmolLM2-135M bf16 LoRA r${RANK} ${BATCH}x${TOKENS}`,
    metric: 'speed',
    value: median(oursSpeeds),
    unit: 'tokens/s',
    limit: Math.max(...peaks) / flops,
    ...(peer && { baseline: { name: 'PEFT + PyTorch bf16', value: median(peerSpeeds) } }),
  })
}

/** The real checkpoint under LLFT_MODELS, or random weights of its shape in a folder that goes away again. */
async function modelFolder(): Promise<{ folder: string; remove: () => void }> {
  const real = join(process.env.LLFT_MODELS ?? '', 'SmolLM2-135M-Instruct')
  if (existsSync(join(real, 'config.json'))) return { folder: real, remove: () => undefined }
  const folder = mkdtempSync(join(tmpdir(), 'llft-bench-'))
  const model = createModel(parseConfig(SMOLLM2_135M), { seed: 1, dtype: 'bfloat16' })
  await saveModel(folder, model)
  model.dispose()
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

async function startPeer(folder: string, log: (text: string) => void): Promise<PythonPeer> {
  const args = ['--batch', BATCH, '--tokens', TOKENS, '--rank', RANK, '--alpha', ALPHA]
  const { peer, about } = await PythonPeer.start('peft_train.py', [
    folder,
    ...args.map(String),
    '--targets',
    TARGETS.join(),
    '--learning-rate',
    String(LEARNING_RATE),
  ])
  log(`peer: ${JSON.stringify(about)}`)
  return peer
}

async function startOurs(folder: string) {
  const model = await loadModel(folder, { dtype: 'bfloat16' })
  injectLora(model, { r: RANK, alpha: ALPHA, targetModules: TARGETS })
  const batch = labelledBatch(model.config.vocabulary)
  const run = async (steps: number): Promise<number> => {
    const result = await runTraining({
      model,
      batches: () => Array<TokenBatch>(steps).fill(batch),
      batchesPerEpoch: steps,
      learningRate: LEARNING_RATE,
      schedule: 'constant',
      maxGradNorm: 0,
    })
    return result.tokensPerSecond
  }
  await run(1)
  return { run, stop: () => model.dispose() }
}

/** Every token predicts the next one, as the peer's `labels = input_ids` does. */
function labelledBatch(vocabulary: number): TokenBatch {
  const rows = Array.from({ length: BATCH }, (_, row) =>
    Array.from({ length: TOKENS }, (_, i) => 3 + ((row * 7919 + i * 104729) % (vocabulary - 3))),
  )
  const targets = rows.flatMap((row) => [...row.slice(1), -100])
  return { ...batchOf(rows), targets: Int32Array.from(targets) }
}
