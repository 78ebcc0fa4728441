import { above, parseOptions, wholeNumber } from '@llft/options'
import { z } from 'zod'

/** How the micro-batches of an epoch become optimiser steps. */
export interface StepPlan {
  /** The last step of an epoch may have fewer micro-batches than the others. */
  readonly stepsPerEpoch: number
  readonly totalSteps: number
}

export interface PlanOptions {
  /** Micro-batches of one epoch. */
  batchesPerEpoch: number
  /** Micro-batches of one optimiser step. Default 1. */
  gradientAccumulation?: number | undefined
  /** Passes over the data; a fraction is allowed. Default 1. */
  epochs?: number | undefined
  /** Number of steps, in place of `epochs`: data is repeated or left unused as it takes. */
  maxSteps?: number | undefined
}

export const planShape = {
  batchesPerEpoch: wholeNumber(1),
  gradientAccumulation: wholeNumber(1).default(1),
  epochs: above(0).default(1),
  maxSteps: wholeNumber(1).optional(),
}

/**
 * Steps of a run as transformers' Trainer counts them: ceil(epochs * ceil(batches / accumulation)).
 *
 * @throws ConfigError for a value out of its range.
 */
export function planSteps(options: PlanOptions): StepPlan {
  const parsed = parseOptions(z.strictObject(planShape), options, 'planSteps')
  const { batchesPerEpoch, gradientAccumulation, epochs, maxSteps } = parsed
  const stepsPerEpoch = Math.ceil(batchesPerEpoch / gradientAccumulation)
  return { stepsPerEpoch, totalSteps: maxSteps ?? Math.ceil(epochs * stepsPerEpoch) }
}
