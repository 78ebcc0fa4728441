import type { WarningHandler } from '@llft/errors'
import {
  abortSignal,
  atLeast,
  belowOne,
  handler,
  list,
  parseOptions,
  wholeNumber,
} from '@llft/options'
import { Module, type TokenBatch } from '@llft/runtime'
import { z } from 'zod'
import {
  OPTIMIZER_NAMES,
  type OptimizerName,
  type OptimizerSettings,
  optimizerRule,
} from '../optimizers/create-optimizer.js'
import { Optimizer } from '../optimizers/optimizer.js'
import { type ScheduleName, type ScheduleSettings, scheduleShape } from '../optimizers/schedule.js'
import type { TrainCallback } from './callback.js'
import { type EarlyStopping, earlyStopping } from './early-stopping.js'
import type { LossModel } from './evaluate.js'
import type { TrainEvent } from './events.js'
import { lossShape } from './loss-options.js'
import { type PlanOptions, planShape } from './step-plan.js'

export interface TrainOptions<B extends TokenBatch = TokenBatch> extends PlanOptions {
  /** Its parameters with `requiresGrad` train. */
  model: Module & LossModel<B>
  /** The micro-batches of an epoch, counted from 0, in the order in which they are taken. */
  batches: (epoch: number) => Iterable<B> | AsyncIterable<B>
  /** The held-out part. Default none: no evaluation. */
  evalBatches?: (() => Iterable<B> | AsyncIterable<B>) | undefined
  /** Steps between evaluations. Default: before the first step and after the last one only. */
  evalEvery?: number | undefined
  /** Peak learning rate. */
  learningRate: number
  /** A name of transformers, or one with settings. Default 'linear'. */
  schedule?: ScheduleName | ScheduleSettings | undefined
  /** Default 0. */
  warmupSteps?: number | undefined
  /** Share of all steps, in place of `warmupSteps`. */
  warmupRatio?: number | undefined
  /** Decoupled decay of matrices; biases and norms have none. Not used with an `optimizer`. Default 0. */
  weightDecay?: number | undefined
  /** Bound of the Euclidean norm of all gradients; 0 does not clip. Default 1. */
  maxGradNorm?: number | undefined
  /** Part of each target, in [0, 1), that the whole vocabulary shares. Held-out losses are without it. Default 0. */
  labelSmoothing?: number | undefined
  /** NEFTune: strength of the noise that training adds to the embeddings, such as 5. Default 0: none. */
  neftuneAlpha?: number | undefined
  /**
   * Share that stays in an exponential moving average of what trains, such as 0.999: it is what is evaluated and what the
   * parameters are in the end. Default none.
   */
  emaDecay?: number | undefined
  /** A kind, with settings or not, over the trainable parameters, or one of yours, which stays yours to dispose of. Default 'adamw'. */
  optimizer?: Optimizer | OptimizerName | OptimizerSettings | undefined
  /** Seed of dropout and of the noise on embeddings. Default 42. */
  seed?: number | undefined
  /** Names the examples of a batch, for errors. */
  describeBatch?: ((batch: B) => string) | undefined
  /** What it throws ends the run; where it returns a promise, a rejection becomes a warning. */
  onEvent?: ((event: TrainEvent) => unknown) | undefined
  /** Default: a line on stderr for each warning. */
  onWarning?: WarningHandler | undefined
  /** Ends the run before the next update. */
  signal?: AbortSignal | undefined
  /** What takes part in the run. */
  callbacks?: readonly TrainCallback[] | undefined
  /** Steps in a row without a finite loss or gradient that are skipped before the run stops; 1 stops at the first. Default 3. */
  maxSkippedSteps?: number | undefined
  /** Default never. */
  earlyStopping?: EarlyStopping | undefined
}

const callback = handler()

/** The rule of a list of callbacks. */
export function callbackList<E extends { readonly type: string } = TrainEvent>() {
  const callback = z.custom<TrainCallback<E>>(
    (value) => typeof value === 'object' && value !== null,
    'must be an object with the methods of a TrainCallback',
  )
  return list(callback, 'must be a list of callbacks')
}

const schema = z.strictObject({
  ...planShape,
  ...scheduleShape,
  ...lossShape,
  emaDecay: belowOne.optional(),
  model: z.instanceof(Module, { error: 'must be a model' }),
  batches: callback,
  evalBatches: callback.optional(),
  evalEvery: wholeNumber(1).optional(),
  learningRate: atLeast(0),
  weightDecay: atLeast(0).optional(),
  // Infinity clips nothing, as 0.
  maxGradNorm: z.custom<number>((value) => (value as number) >= 0, 'must be at least 0').optional(),
  optimizer: z
    .custom<Optimizer | OptimizerName | OptimizerSettings>(
      (value) => value instanceof Optimizer || optimizerRule.safeParse(value).success,
      `must be an Optimizer or one of ${OPTIMIZER_NAMES.join(', ')}`,
    )
    .optional(),
  seed: wholeNumber(0).optional(),
  describeBatch: callback.optional(),
  onEvent: callback.optional(),
  onWarning: callback.optional(),
  signal: abortSignal.optional(),
  callbacks: callbackList().optional(),
  maxSkippedSteps: wholeNumber(1).optional(),
  earlyStopping: earlyStopping.optional(),
} satisfies Record<keyof TrainOptions, z.ZodType>)

/** @throws ConfigError that names the option; a misspelt one comes with the nearest known one. */
export function checkTrainOptions<B extends TokenBatch>(options: TrainOptions<B>): void {
  parseOptions(schema, options, 'train')
}
