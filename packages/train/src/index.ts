// The loop.

// Checkpoints of a run.
export {
  latestCheckpoint,
  listCheckpoints,
  type StoredCheckpoint,
} from './checkpoints/checkpoint-folder.js'
export {
  CHANGES,
  type Change,
  type Fingerprints,
  type RunIdentity,
  type RunSettings,
} from './checkpoints/fingerprints.js'
export { damageOf } from './checkpoints/manifest.js'
export { type RunState, readRunState } from './checkpoints/run-state.js'
// Figures as people read them.
export { formatBytes, formatCount, formatSeconds } from './display/format.js'
export { type DisplayStream, ProgressDisplay } from './display/progress-display.js'
export type {
  Boundary,
  MicroBatchPlace,
  RunControl,
  StepPlace,
  TrainCallback,
} from './loop/callback.js'
export { type EarlyStopping, reasonToStop } from './loop/early-stopping.js'
export { NonFiniteError, type NonFiniteFigures, TrainingAbortedError } from './loop/errors.js'
export { type Evaluation, evaluate, type LossModel } from './loop/evaluate.js'
export type {
  CheckpointEvent,
  EndEvent,
  EvalEvent,
  StartEvent,
  StepEvent,
  TrainEvent,
  VerdictEvent,
} from './loop/events.js'
export { judgeLoss, type LossCurve, type Verdict, type VerdictKind } from './loop/loss-watch.js'
export { type RehearsalOptions, rehearseStep } from './loop/rehearse-step.js'
export type { EvaluationRecord, SkippedStep, TrainResult } from './loop/result.js'
export { type PlanOptions, planSteps, type StepPlan } from './loop/step-plan.js'
export { train } from './loop/train.js'
export type { TrainOptions } from './loop/train-options.js'
// Memory.
export { describeEstimate, InsufficientMemoryError } from './memory/memory-error.js'
export { cgroupMemoryLimit, memoryLimit } from './memory/memory-limit.js'
export type { MemoryEstimate, MemoryParts } from './memory/memory-plan.js'
export { estimateRun } from './memory/plan-run.js'
// Optimisers, schedules and the parameters that train.
export { Adafactor, type AdafactorSettings } from './optimizers/adafactor.js'
export { AdamW, type AdamWSettings } from './optimizers/adamw.js'
export { AdamW8bit } from './optimizers/adamw8bit.js'
export {
  createOptimizer,
  OPTIMIZER_NAMES,
  type OptimizerName,
  type OptimizerSettings,
} from './optimizers/create-optimizer.js'
export { type FreezeLayersOptions, freezeLayers } from './optimizers/freeze-layers.js'
export { Lion, type LionSettings } from './optimizers/lion.js'
export {
  Optimizer,
  type OptimizerDefaults,
  type OptimizerState,
  type PagingSettings,
  type UpdateRates,
} from './optimizers/optimizer.js'
export { type AverageState, ParameterAverage } from './optimizers/parameter-average.js'
export {
  decayGroups,
  elementCount,
  freeze,
  type GroupsOf,
  type Parameter,
  type ParameterGroup,
  parameterCount,
  trainAllParameters,
  trainableParameters,
} from './optimizers/parameters.js'
export {
  createSchedule,
  type RampShape,
  SCHEDULE_NAMES,
  type Schedule,
  type ScheduleName,
  type ScheduleOptions,
  type ScheduleSettings,
  warmupStepsOf,
} from './optimizers/schedule.js'
export type { ModuleNames, ModuleSelection } from './optimizers/select-modules.js'
export { Sgd, type SgdSettings } from './optimizers/sgd.js'
// The run.
export type { Adaptation, ResultFacts, ResultFile, ResultFolderOptions } from './run/adaptation.js'
export { copyFromFile } from './run/copy-from-file.js'
export {
  type EstimateFineTuneOptions,
  estimateFineTune,
  type FineTuneOptions,
  fineTune,
} from './run/fine-tune.js'
export { type FullTrainingOptions, fullTraining } from './run/full-training.js'
export { addIdle } from './run/idle-options.js'
export { Interruption, SignalListener } from './run/interruption.js'
export type { RunResult } from './run/run.js'
export { RunAbortedError, RunSaveError } from './run/run-errors.js'
export type {
  ReadyEvent,
  RunCallback,
  RunEvent,
  SavedEvent,
  WarningEvent,
} from './run/run-events.js'
export { RunHandle } from './run/run-handle.js'
export {
  estimateShape,
  type ResolvedRunOptions,
  type RunOptions,
  resolveEstimateOptions,
  resolveRunOptions,
  runShape,
} from './run/run-options.js'
export { type RunStart, startRun } from './run/start-run.js'
