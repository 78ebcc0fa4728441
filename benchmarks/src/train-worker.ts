// Training steps of ours, one round per line of standard input: the protocol of baselines/peft_train.py.
import { injectLora } from '@llft/lora'
import { loadQuantizedModel } from '@llft/quant'
import { batchOf, type CausalLM, IGNORED_TARGET, loadModel, type TokenBatch } from '@llft/runtime'
import {
  createOptimizer,
  decayGroups,
  train,
  trainAllParameters,
  trainableParameters,
} from '@llft/train'
import type { TrainSetting } from './train-setting.js'
import { peakResident, serveRounds } from './worker.js'

const setting = JSON.parse(process.argv[2] ?? '') as TrainSetting & { folder: string }
const model = await load()
const loadedResident = peakResident()
// Kept from round to round, as the peer's is.
const optimizer = createOptimizer('adamw', decayGroups(trainableParameters(model), 0))
const batch = labelledBatch(model.config.vocabulary)
await run(1)
await serveRounds({ loadedResident }, (steps) => run(Number(steps)))
optimizer.dispose()
model.dispose()

async function load(): Promise<CausalLM> {
  const { folder, base, dtype, method, rank, alpha, targets } = setting
  const model =
    base === 'floats'
      ? await loadModel(folder, { dtype })
      : await loadQuantizedModel(folder, { dtype })
  if (method === 'lora') injectLora(model, { r: rank, alpha, targetModules: [...targets] })
  else trainAllParameters(model)
  model.gradientCheckpointing = setting.checkpointing
  return model
}

async function run(steps: number): Promise<{ work: number; seconds: number }> {
  const result = await train({
    model,
    optimizer,
    batches: () => Array<TokenBatch>(steps).fill(batch),
    batchesPerEpoch: steps,
    learningRate: setting.learningRate,
    schedule: 'constant',
    maxGradNorm: 0,
  })
  const work = steps * setting.batch * setting.tokens
  return { work, seconds: work / result.tokensPerSecond }
}

/** Every token predicts the next one, as the peer's `labels = input_ids` does. */
function labelledBatch(vocabulary: number): TokenBatch {
  const rows = Array.from({ length: setting.batch }, (_, row) =>
    Array.from(
      { length: setting.tokens },
      (_, i) => 3 + ((row * 7919 + i * 104729) % (vocabulary - 3)),
    ),
  )
  const targets = rows.flatMap((row) => [...row.slice(1), IGNORED_TARGET])
  return { ...batchOf(rows), targets: Int32Array.from(targets) }
}
