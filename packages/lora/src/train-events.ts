import type { DataReport } from '@llft/data'
import type { DType } from '@llft/runtime'
import type { TrainEvent } from '@llft/train'
import type { MemoryEstimate } from './memory-plan.js'

/** Data is tokenised and the adapter is in place. */
export interface ReadyEvent {
  readonly type: 'ready'
  /** Name or folder of the base model. */
  readonly model: string
  readonly data: DataReport
  readonly evalData: DataReport | undefined
  /** Type of weights and activations. */
  readonly dtype: DType
  /** How the base model is stored, such as `nf4, blocks of 64, ...`; undefined where as floats. */
  readonly quantization: string | undefined
  /** Kernels in use, such as 'avx512bf16', and their threads. */
  readonly isa: string
  readonly threads: number
  /** Linear layers with an adapter. */
  readonly adaptedLayers: number
  readonly trainableParameters: number
  readonly totalParameters: number
  /** Memory that the run is expected to take. */
  readonly estimate: MemoryEstimate
}

/** The adapter is on the disk. */
export interface SavedEvent {
  readonly type: 'saved'
  readonly adapterDir: string
}

/** What a run of `loraTrain` tells; `type` tells events apart. */
export type LoraTrainEvent = ReadyEvent | TrainEvent | SavedEvent
