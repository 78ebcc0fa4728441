// Training with adapters.
export type { AdapterSize } from './adapter-size.js'
export {
  type InitLoraWeights,
  type LoraConfig,
  type LoraOptions,
  loraConfig,
  loraRules,
} from './config.js'
export {
  countTrainable,
  describeTrainable,
  injectLora,
  removeLora,
  type TrainableCount,
} from './inject.js'
export { type LoadAdapterOptions, loadAdapter } from './load-adapter.js'
export { loraAdaptation } from './lora-adaptation.js'
export { LoraLinear, type LoraLinearOptions } from './lora-linear.js'
export {
  type EstimateMemoryOptions,
  estimateMemory,
  type LoraTrainOptions,
  type LoraTrainResult,
  loraTrain,
} from './lora-train.js'
export { mergeLora, unmergeLora } from './merge.js'
export { type SaveAdapterOptions, saveAdapter } from './save-adapter.js'
export { type SaveMergedOptions, saveMerged } from './save-merged.js'
export { defaultTargetModules } from './target-modules.js'
export { withoutAdapter } from './without-adapter.js'

// What a program needs besides, so that it has to install and import this package alone.

// Data.
export {
  type Batch,
  type Batches,
  type BatchOptions,
  batches,
  type ChatSample,
  type ColumnMap,
  type CompletionSample,
  type DataFormat,
  type DataInput,
  type DataReport,
  type Dataset,
  type DocumentRule,
  type Example,
  formatPlain,
  formatReport,
  type HoldoutOptions,
  type LoadOptions as LoadDatasetOptions,
  loadDataset,
  preview,
  type Sample,
  type SampleOptions,
  type Source,
  splitHoldout,
  type TextSample,
  type TokenizedDataset,
  type TokenizeOptions,
  type TrainOn,
  tokenizeDataset,
} from '@llft/data'

// Errors and warnings.
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

// Quantised models.
export {
  type BitsAndBytesOptions,
  describeQuantization,
  type LoadQuantizedOptions,
  loadQuantizedModel,
  type QuantizationConfig,
  type QuantizationOptions,
  type QuantizationSettings,
  quantizationConfig,
  type SaveQuantizedOptions,
  saveQuantizedModel,
} from '@llft/quant'

// Models and generation.
export {
  batchOf,
  CausalLM,
  type ComputeDtype,
  type CreateOptions,
  createModel,
  type DecoderConfig,
  type DeviceInfo,
  type DType,
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
  LanguageModel,
  type LoadOptions as LoadModelOptions,
  loadModel,
  type MemoryStats,
  memoryStats,
  parseConfig,
  type QuantFormat,
  readConfig,
  type SavedModel,
  type SaveOptions as SaveModelOptions,
  saveModel,
  streamText,
  supportedModelTypes,
  type TextCodec,
  type TextEvent,
  type TextStream,
  type TokenBatch,
  trimMemory,
} from '@llft/runtime'

// Tokens and chat templates.
export {
  type ChatMessage,
  type ChatOptions,
  type DecodeOptions,
  type EncodeOptions,
  StreamDecoder,
  Tokenizer,
} from '@llft/tokenizer'

// The run, its checkpoints, and the loop below them.
export {
  type Adaptation,
  type Boundary,
  type Change,
  type CheckpointEvent,
  describeEstimate,
  type EarlyStopping,
  type EndEvent,
  type EstimateFineTuneOptions,
  type EvalEvent,
  type Evaluation,
  type EvaluationRecord,
  estimateFineTune,
  evaluate,
  type FineTuneOptions,
  type Fingerprints,
  type FullTrainingOptions,
  fineTune,
  fullTraining,
  InsufficientMemoryError,
  type LossModel,
  type MemoryEstimate,
  type MemoryParts,
  type MicroBatchPlace,
  NonFiniteError,
  type NonFiniteFigures,
  type OptimizerName,
  type OptimizerSettings,
  type ReadyEvent,
  type ResultFacts,
  type ResultFile,
  type ResultFolderOptions,
  RunAbortedError,
  type RunCallback,
  type RunControl,
  type RunEvent,
  type RunHandle,
  type RunOptions,
  type RunResult,
  RunSaveError,
  type RunSettings,
  type SavedEvent,
  type ScheduleName,
  type ScheduleSettings,
  type SkippedStep,
  type StartEvent,
  type StepEvent,
  type StepPlace,
  type TrainCallback,
  type TrainEvent,
  TrainingAbortedError,
  type TrainOptions,
  type TrainResult,
  train,
  trainAllParameters,
  type Verdict,
  type VerdictEvent,
  type VerdictKind,
  type WarningEvent,
} from '@llft/train'
