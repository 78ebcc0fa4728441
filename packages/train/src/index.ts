export { AdamW, type AdamWSettings } from './adamw.js'
export { NonFiniteError, TrainingAbortedError } from './errors.js'
export { type Evaluation, evaluate, type LossModel } from './evaluate.js'
export type { EndEvent, EvalEvent, StartEvent, StepEvent, TrainEvent } from './events.js'
export { Optimizer, type OptimizerState, type UpdateRates } from './optimizer.js'
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
export type { EvaluationRecord, TrainResult } from './result.js'
export {
  createSchedule,
  type Schedule,
  type ScheduleName,
  type ScheduleOptions,
  warmupStepsOf,
} from './schedule.js'
export { Sgd, type SgdSettings } from './sgd.js'
export { planSteps, type StepPlan, type TrainOptions, train } from './train.js'
