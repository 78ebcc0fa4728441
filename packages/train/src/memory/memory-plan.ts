import {
  deviceInfo,
  dryRun,
  fileBytesOf,
  type LanguageModel,
  type ModelPlan,
  memoryStats,
} from '@llft/runtime'
import { rehearseStep } from '../loop/rehearse-step.js'
import {
  createOptimizer,
  type OptimizerName,
  type OptimizerSettings,
} from '../optimizers/create-optimizer.js'
import { ParameterAverage } from '../optimizers/parameter-average.js'
import { decayGroups, elementCount, trainableParameters } from '../optimizers/parameters.js'
import type { Adaptation } from '../run/adaptation.js'
import { tokensOf, type Workload } from './memory-workload.js'

/** Working memory of one thread in bytes: blocks of matrix products, tiles of attention, its stack. */
const THREAD_BYTES = 3 << 20
/** What V8 and the compiled code of a run add to the process, measured, in bytes. */
const RUN_BYTES = 24 << 20

export interface PlannedModels {
  readonly model: ModelPlan
  /** The same model with its linear layers in nf4, to name as a way out; undefined where it is none. */
  readonly quantizedModel: ModelPlan | undefined
}

/** Everything that decides how much memory a run takes. */
export interface MemoryPlan extends PlannedModels {
  readonly adaptation: Adaptation
  readonly optimizer: OptimizerName | OptimizerSettings
  readonly checkpointing: boolean
  /** Whether averages of what trains are kept; they count as part of the optimiser. */
  readonly hasAverages?: boolean | undefined
  readonly workload: Workload
}

/** Memory that a run is expected to take, in bytes. */
export interface MemoryEstimate {
  /** Largest resident memory of the process. */
  readonly peakResidentBytes: number
  /** Largest native memory in use: what `peakBytes` of the result will be. */
  readonly peakBytes: number
  /** The parts of the resident peak. */
  readonly parts: MemoryParts
  /** Tokens of the largest batch. */
  readonly batchTokens: number
}

export interface MemoryParts {
  /** Of the base model: tensors, and the pages of its files, which are read and so count as resident. */
  readonly weights: number
  /** What is added to the model to train: adapters, or the float32 masters of full training. */
  readonly adapters: number
  readonly gradients: number
  /** Its state; none of it where it is paged. */
  readonly optimizer: number
  /** What forward keeps for backward, and what both pass on. */
  readonly activations: number
  /** Of the threads, and holes between tensors. */
  readonly workspace: number
  /** The process as it is now (Node, addon, tokenizer, data), and what a run adds to it. */
  readonly process: number
}

/** What the process holds without memory that an earlier run left for reuse, which is not needed a second time. */
export function processBytes(): number {
  return process.memoryUsage.rss() - memoryStats().cachedBytes
}

/**
 * Rehearses the run without memory.
 *
 * @param held what the process holds; a rehearsal itself leaves garbage, so it is measured before.
 */
export function estimateOf(plan: MemoryPlan, held = processBytes()): MemoryEstimate {
  const { marks, peakBytes, footprintBytes, value } = dryRun((mark) => rehearse(plan, mark))
  const at = (name: string) => marks.find((mark) => mark.name === name)
  const inUse = (name: string) => at(name)?.bytesInUse ?? 0
  const stepPeak = at('steps')?.peakBytes ?? 0
  const threads = deviceInfo().threads * THREAD_BYTES
  const gradients = Math.min(value.gradientBytes, stepPeak - inUse('optimizer'))
  const parts = {
    weights: value.fileBytes + inUse('weights'),
    adapters: inUse('adapters') - inUse('weights'),
    gradients,
    optimizer: inUse('optimizer') - inUse('adapters'),
    activations: stepPeak - inUse('optimizer') - gradients,
    workspace: threads + footprintBytes - stepPeak,
    process: held + RUN_BYTES,
  }
  const training = Object.values(parts).reduce((sum, part) => sum + part, 0)
  // While they are cast, weights are in the files and in memory.
  const loading = parts.process + plan.model.fileBytes + (at('weights')?.peakBytes ?? 0)
  const peakResidentBytes = Math.max(training, loading)
  return { peakResidentBytes, peakBytes, parts, batchTokens: tokensOf(plan.workload) }
}

interface Rehearsed {
  readonly gradientBytes: number
  /** Of weights that are used where they lie in files. */
  readonly fileBytes: number
}

function rehearse(plan: MemoryPlan, mark: (name: string) => void): Rehearsed {
  const model = plan.model.build()
  try {
    return rehearseWith(model, plan, mark)
  } finally {
    model.dispose()
  }
}

function rehearseWith(
  model: LanguageModel,
  plan: MemoryPlan,
  mark: (name: string) => void,
): Rehearsed {
  const { workload, checkpointing } = plan
  mark('weights')
  plan.adaptation.attach(model)
  const fileBytes = plan.model.loaded ? 0 : fileBytesOf(model)
  model.gradientCheckpointing = checkpointing
  mark('adapters')
  const parameters = trainableParameters(model)
  const optimizer = createOptimizer(plan.optimizer, decayGroups(parameters, 0))
  const average = plan.hasAverages ? new ParameterAverage(parameters, 0) : undefined
  mark('optimizer')
  for (const batches of workload.steps) {
    rehearseStep({ model, optimizer, batches, evalBatch: workload.evalBatch })
  }
  mark('steps')
  average?.dispose()
  optimizer.dispose()
  return { gradientBytes: 4 * elementCount(parameters), fileBytes }
}
