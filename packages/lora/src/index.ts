export {
  type ColumnMap,
  type DataFormat,
  type DataInput,
  type DataReport,
  type Dataset,
  type DocumentRule,
  formatPlain,
  formatReport,
  loadDataset,
  preview,
  tokenizeDataset,
} from '@llft/data'
export {
  AbortedError,
  ConfigError,
  DataError,
  DeviceError,
  DisposedError,
  DtypeError,
  FormatError,
  formatWarning,
  LlftError,
  type LlftWarning,
  NativeLoadError,
  OutOfMemoryError,
  SaveError,
  ShapeError,
  type WarningCode,
  type WarningHandler,
} from '@llft/errors'
export {
  type LoadQuantizedOptions,
  loadQuantizedModel,
  type QuantizationConfig,
  type QuantizationOptions,
  quantizationConfig,
  type SaveQuantizedOptions,
  saveQuantizedModel,
} from '@llft/quant'
export {
  CausalLM,
  type ComputeDtype,
  type DeviceInfo,
  deviceInfo,
  type FinishReason,
  type Generated,
  type GeneratedText,
  type GenerateOptions,
  type GenerateTextOptions,
  type GenerationEvent,
  generate,
  generateStream,
  generateText,
  type LoadOptions,
  loadModel,
  memoryStats,
  type SavedModel,
  type SaveOptions,
  saveModel,
  streamText,
  type TextEvent,
  trimMemory,
} from '@llft/runtime'
export {
  type ChatMessage,
  type ChatOptions,
  type DecodeOptions,
  type EncodeOptions,
  StreamDecoder,
  Tokenizer,
} from '@llft/tokenizer'
export {
  type EndEvent,
  type EvalEvent,
  NonFiniteError,
  type OptimizerName,
  type ScheduleName,
  type StartEvent,
  type StepEvent,
  TrainingAbortedError,
  type TrainResult,
} from '@llft/train'
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
