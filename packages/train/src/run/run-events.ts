import type { DataReport } from '@llft/data'
import type { LlftWarning } from '@llft/errors'
import type { DType } from '@llft/runtime'
import type { Fingerprints, RunSettings } from '../checkpoints/fingerprints.js'
import type { TrainCallback } from '../loop/callback.js'
import type { TrainEvent } from '../loop/events.js'
import type { MemoryEstimate } from '../memory/memory-plan.js'

/** Data is tokenised, and what trains is in the model. */
export interface ReadyEvent {
  readonly type: 'ready'
  /** Name or folder of the base model. */
  readonly model: string
  /** The method, such as 'lora', and what it trains in words. */
  readonly method: string
  readonly adaptation: string
  readonly data: DataReport
  readonly evalData: DataReport | undefined
  /** Type of weights and activations. */
  readonly dtype: DType
  /** How the base model is stored, such as `nf4, blocks of 64, ...`; undefined where as floats. */
  readonly quantization: string | undefined
  /** Kernels in use, such as 'avx512bf16', and their threads. */
  readonly isa: string
  readonly threads: number
  readonly trainableParameters: number
  readonly totalParameters: number
  /** Operations of the matrix products of a step per token, a multiply-add being two. */
  readonly flopsPerToken: number
  /** Memory that the run is expected to take. */
  readonly estimate: MemoryEstimate
  readonly fingerprints: Fingerprints
  /** The options that decide on the bits of the run. */
  readonly settings: RunSettings
}

/** The result is on the disk. */
export interface SavedEvent {
  readonly type: 'saved'
  /** Absolute path. */
  readonly folder: string
}

/** Something is amiss although the run goes on. */
export interface WarningEvent extends LlftWarning {
  readonly type: 'warning'
}

/** What a run tells; `type` tells events apart. */
export type RunEvent = ReadyEvent | TrainEvent | SavedEvent | WarningEvent

/** What takes part in a run of `fineTune`. */
export type RunCallback = TrainCallback<RunEvent>
