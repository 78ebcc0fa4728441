export type { AdapterSize } from './adapter-size.js'
export { type InitLoraWeights, type LoraConfig, loraConfig, type LoraOptions } from './config.js'
export {
  countTrainable,
  describeTrainable,
  injectLora,
  removeLora,
  type TrainableCount,
} from './inject.js'
export { loadAdapter, type LoadAdapterOptions } from './load-adapter.js'
export { LoraLinear, type LoraLinearOptions } from './lora-linear.js'
export { mergeLora, unmergeLora } from './merge.js'
export { saveAdapter, type SaveAdapterOptions } from './save-adapter.js'
export { saveMerged, type SaveMergedOptions } from './save-merged.js'
export { defaultTargetModules } from './target-modules.js'
export { loraTrain, LoraTrainAbortedError, type LoraTrainResult } from './lora-train.js'
export type { LoraTrainEvent, ReadyEvent, SavedEvent } from './train-events.js'
export type { LoraTrainOptions } from './train-options.js'
