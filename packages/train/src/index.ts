export { Adafactor, type AdafactorSettings } from './adafactor.js'
export { AdamW, type AdamWSettings } from './adamw.js'
export { AdamW8bit } from './adamw8bit.js'
export { createOptimizer, OPTIMIZER_NAMES, type OptimizerName } from './create-optimizer.js'
export { NonFiniteError, type NonFiniteFigures, TrainingAbortedError } from './errors.js'
export { type Evaluation, evaluate, type LossModel } from './evaluate.js'
export type { EndEvent, EvalEvent, StartEvent, StepEvent, TrainEvent } from './events.js'
export { Lion, type LionSettings } from './lion.js'
export {
  Optimizer,
  type OptimizerDefaults,
  type OptimizerState,
  type PagingSettings,
  type UpdateRates,
} from './optimizer.js'
export {
  decayGroups,
  elementCount,
  freeze,
  type Parameter,
  type ParameterGroup,
  parameterCount,
  trainAllParameters,
  trainableParameters,
} from './parameters.js'
export { type RehearsalOptions, rehearseStep } from './rehearse-step.js'
export type { EvaluationRecord, TrainResult } from './result.js'
export {
  createSchedule,
  type Schedule,
  type ScheduleName,
  type ScheduleOptions,
  warmupStepsOf,
} from './schedule.js'
export { Sgd, type SgdSettings } from './sgd.js'
export { planSteps, type StepPlan } from './step-plan.js'
export { train } from './train.js'
export type { TrainOptions } from './train-options.js'
export { requireIdle } from './training-claim.js'
