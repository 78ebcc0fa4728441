import { ConfigError, guardHandler, Warnings } from '@llft/errors'
import type { Module, TokenBatch } from '@llft/runtime'
import { createOptimizer } from '../optimizers/create-optimizer.js'
import { Optimizer } from '../optimizers/optimizer.js'
import { ParameterAverage } from '../optimizers/parameter-average.js'
import { decayGroups, type Parameter, trainableParameters } from '../optimizers/parameters.js'
import { createSchedule, warmupStepsOf } from '../optimizers/schedule.js'
import { Callbacks } from './callbacks.js'
import { LoopControl } from './loop-control.js'
import type { LoopSurroundings } from './loop-surroundings.js'
import type { TrainResult } from './result.js'
import { warnOfIdleOptions } from './run-warnings.js'
import { planSteps } from './step-plan.js'
import { checkTrainOptions, type TrainOptions } from './train-options.js'
import { claimForTraining } from './training-claim.js'
import { TrainingLoop } from './training-loop.js'

/**
 * Trains the parameters of `model` that require a gradient.
 *
 * The loss of a step is the sum of the cross entropies over the number of counted tokens of all its micro-batches, so
 * k micro-batches of one row count like one batch of k rows. At most two steps are in flight: the figures of a step
 * are read while the next is enqueued. Optimiser state and gradients are freed in the end, however it ends.
 *
 * @throws NonFiniteError if too many steps in a row, an evaluation or a parameter are not finite, TrainingAbortedError
 *   with the result so far, ConfigError for options out of range, a model without trainable parameters or one that another
 *   run trains, DataError if `batches` gives none.
 */
export async function train<B extends TokenBatch>(options: TrainOptions<B>): Promise<TrainResult> {
  checkTrainOptions(options)
  const control = new LoopControl()
  control.setModel(options.model)
  const callbacks = new Callbacks(options.callbacks ?? [], control)
  const release = claimForTraining(options.model, 'train')
  try {
    return await takeSteps(options, { control, callbacks })
  } finally {
    release()
    await callbacks.close()
  }
}

/** The loop of `train` with checked options. */
export async function takeSteps<B extends TokenBatch>(
  options: TrainOptions<B>,
  surroundings: LoopSurroundings,
): Promise<TrainResult> {
  const { batchesPerEpoch, gradientAccumulation, epochs, maxSteps } = options
  const plan = planSteps({ batchesPerEpoch, gradientAccumulation, epochs, maxSteps })
  const { totalSteps } = plan
  const { schedule, warmupSteps, warmupRatio } = options
  const scheduleOptions = { totalSteps, schedule, warmupSteps, warmupRatio }
  const rate = createSchedule(scheduleOptions)
  const warnings = new Warnings(options.onWarning)
  warnOfIdleOptions(warnings, options, { warmup: warmupStepsOf(scheduleOptions), totalSteps })
  const { model, weightDecay = 0, optimizer: wanted = 'adamw' } = options
  const tell = guardHandler(options.onEvent, warnings)
  const { groupsOf = decayGroups } = surroundings
  const optimizer =
    wanted instanceof Optimizer
      ? wanted
      : createOptimizer(wanted, groupsOf(parametersOf(model), weightDecay))
  const { emaDecay } = options
  const average =
    emaDecay === undefined ? undefined : new ParameterAverage(optimizer.parameters, emaDecay)
  try {
    await surroundings.resumeFrom?.restore(optimizer, average)
    const parts = { plan, rate, optimizer, average, warnings, tell, ...surroundings }
    return await new TrainingLoop(options, parts).execute()
  } finally {
    average?.dispose()
    if (optimizer !== wanted) optimizer.dispose()
    surroundings.control.close()
  }
}

function parametersOf(model: Module): Parameter[] {
  const parameters = trainableParameters(model)
  if (parameters.length > 0) return parameters
  throw new ConfigError(
    'train: the model must have trainable parameters; got none. Inject adapters or call trainAllParameters first.',
  )
}
