import {
  type CausalLM,
  createModel,
  type DecoderConfig,
  dryRun,
  memoryStats,
  noGrad,
  resetPeakMemory,
  synchronize,
  trimMemory,
} from '@llft/runtime'
import { describe, expect, it } from 'vitest'
import {
  createOptimizer,
  decayGroups,
  type OptimizerName,
  rehearseStep,
  train,
  trainAllParameters,
} from '../src/index.js'
import { batchOfRows, tinyModel, tinyRows } from './tiny-model.js'

interface Setting {
  dtype: 'float32' | 'bfloat16'
  checkpointing: boolean
  rows: number
  accumulation: number
  optimizer: OptimizerName
}

const PLAIN: Setting = {
  dtype: 'float32',
  checkpointing: false,
  rows: 6,
  accumulation: 1,
  optimizer: 'adamw',
}

const SETTINGS: Partial<Setting>[] = [
  {},
  { checkpointing: true },
  { dtype: 'bfloat16' },
  { dtype: 'bfloat16', checkpointing: true, rows: 40 },
  { rows: 100 },
  { accumulation: 3, rows: 12 },
  { optimizer: 'adamw8bit' },
  { optimizer: 'paged-adamw' },
  { optimizer: 'adafactor', checkpointing: true },
]

const BATCHES = 4

function prepared(config: DecoderConfig, setting: Setting): CausalLM {
  const model = createModel(config, { seed: 3, dtype: setting.dtype })
  trainAllParameters(model)
  model.gradientCheckpointing = setting.checkpointing
  return model
}

const batchOf = ({ rows }: Setting) => batchOfRows(tinyRows(rows))

function predicted(config: DecoderConfig, setting: Setting) {
  return dryRun(() => {
    const model = prepared(config, setting)
    const groups = decayGroups(
      noGrad(() => trainAllParameters(model)),
      0,
    )
    const optimizer = createOptimizer(setting.optimizer, groups)
    const batch = batchOf(setting)
    const batches = Array.from({ length: setting.accumulation }, () => batch)
    for (let step = 0; step < 2; step++) {
      rehearseStep({ model, optimizer, batches, evalBatch: batch })
    }
    optimizer.dispose()
    model.dispose()
  })
}

async function measured(config: DecoderConfig, setting: Setting) {
  await synchronize()
  trimMemory()
  resetPeakMemory()
  const before = memoryStats().bytesInUse
  const model = prepared(config, setting)
  const batch = batchOf(setting)
  const { peakBytes } = await train({
    model,
    optimizer: setting.optimizer,
    batches: () => Array.from({ length: BATCHES }, () => batch),
    batchesPerEpoch: BATCHES,
    evalBatches: () => [batch],
    gradientAccumulation: setting.accumulation,
    learningRate: 1e-3,
  })
  model.dispose()
  return peakBytes - before
}

describe('a rehearsal', () => {
  it.each(SETTINGS)('foretells the peak of full training with %j', async (more) => {
    const setting = { ...PLAIN, ...more }
    const model = tinyModel()
    const { config } = model
    model.dispose()
    await synchronize()
    const before = memoryStats()
    const { peakBytes, footprintBytes, marks } = predicted(config, setting)
    const after = memoryStats()
    expect({ ...after, peakFootprintBytes: 0 }).toEqual({ ...before, peakFootprintBytes: 0 })
    expect(marks.at(-1)?.bytesInUse).toBe(0)
    expect(footprintBytes).toBeGreaterThanOrEqual(peakBytes)
    const real = await measured(config, setting)
    // What a step reads is two numbers, each a block of 64 bytes that lives into the next step.
    expect(Math.abs(peakBytes - real)).toBeLessThanOrEqual(0.01 * real + 4 * 64)
  })
})
