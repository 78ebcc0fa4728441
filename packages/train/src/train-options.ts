import type { WarningHandler } from '@llft/errors'
import { abortSignal, atLeast, handler, parseOptions, wholeNumber } from '@llft/options'
import { Module, type TokenBatch } from '@llft/runtime'
import { z } from 'zod'
import { OPTIMIZER_NAMES, type OptimizerName } from './create-optimizer.js'
import type { LossModel } from './evaluate.js'
import type { TrainEvent } from './events.js'
import { Optimizer } from './optimizer.js'
import { type ScheduleName, scheduleShape } from './schedule.js'
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
  /** Default 'linear'. */
  schedule?: ScheduleName | undefined
  /** Default 0. */
  warmupSteps?: number | undefined
  /** Share of all steps, in place of `warmupSteps`. */
  warmupRatio?: number | undefined
  /** Decoupled decay of matrices; biases and norms have none. Not used with an `optimizer`. Default 0. */
  weightDecay?: number | undefined
  /** Bound of the Euclidean norm of all gradients; 0 does not clip. Default 1. */
  maxGradNorm?: number | undefined
  /** A kind, over the trainable parameters, or one of yours, which stays yours to dispose of. Default 'adamw'. */
  optimizer?: Optimizer | OptimizerName | undefined
  /** Seed of dropout. Default 42. */
  seed?: number | undefined
  /** Names the examples of a batch, for errors. */
  describeBatch?: ((batch: B) => string) | undefined
  /** What it throws ends the run; where it returns a promise, a rejection becomes a warning. */
  onEvent?: ((event: TrainEvent) => unknown) | undefined
  /** Default: a line on stderr for each warning. */
  onWarning?: WarningHandler | undefined
  /** Ends the run before the next update. */
  signal?: AbortSignal | undefined
}

const NAMES: readonly unknown[] = OPTIMIZER_NAMES

const callback = handler()

const schema = z.strictObject({
  ...planShape,
  ...scheduleShape,
  model: z.instanceof(Module, { error: 'must be a model' }),
  batches: callback,
  evalBatches: callback.optional(),
  evalEvery: wholeNumber(1).optional(),
  learningRate: atLeast(0),
  weightDecay: atLeast(0).optional(),
  // Infinity clips nothing, as 0.
  maxGradNorm: z.custom<number>((value) => (value as number) >= 0, 'must be at least 0').optional(),
  optimizer: z
    .custom<Optimizer | OptimizerName>(
      (value) => value instanceof Optimizer || NAMES.includes(value),
      `must be an Optimizer or one of ${OPTIMIZER_NAMES.join(', ')}`,
    )
    .optional(),
  seed: wholeNumber(0).optional(),
  describeBatch: callback.optional(),
  onEvent: callback.optional(),
  onWarning: callback.optional(),
  signal: abortSignal.optional(),
} satisfies Record<keyof TrainOptions, z.ZodType>)

/** @throws ConfigError that names the option; a misspelt one comes with the nearest known one. */
export function checkTrainOptions<B extends TokenBatch>(options: TrainOptions<B>): void {
  parseOptions(schema, options, 'train')
}
