export {
  AbortedError,
  ConfigError,
  DataError,
  DeviceError,
  DisposedError,
  DtypeError,
  FormatError,
  LlftError,
  NativeLoadError,
  OutOfMemoryError,
  SaveError,
  ShapeError,
} from '@llft/errors'
export { AdapterSaveError } from './adapter-save-error.js'
export type { AdapterSize } from './adapter-size.js'
export { type InitLoraWeights, type LoraConfig, type LoraOptions, loraConfig } from './config.js'
export { type EstimateMemoryOptions, estimateMemory } from './estimate-memory.js'
export {
  countTrainable,
  describeTrainable,
  injectLora,
  removeLora,
  type TrainableCount,
} from './inject.js'
export { type LoadAdapterOptions, loadAdapter } from './load-adapter.js'
export { LoraLinear, type LoraLinearOptions } from './lora-linear.js'
export { LoraTrainAbortedError, type LoraTrainResult } from './lora-run.js'
export { loraTrain } from './lora-train.js'
export { describeEstimate, InsufficientMemoryError } from './memory-error.js'
export type { MemoryEstimate, MemoryParts } from './memory-plan.js'
export { mergeLora, unmergeLora } from './merge.js'
export { type SaveAdapterOptions, saveAdapter } from './save-adapter.js'
export { type SaveMergedOptions, saveMerged } from './save-merged.js'
export { defaultTargetModules } from './target-modules.js'
export type { LoraTrainEvent, ReadyEvent, SavedEvent } from './train-events.js'
export type { LoraTrainOptions } from './train-options.js'
