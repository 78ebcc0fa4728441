import { ConfigError } from '@llft/errors'

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

/**
 * Steps of a run as transformers' Trainer counts them: ceil(epochs * ceil(batches / accumulation)).
 *
 * @throws ConfigError for a value out of its range.
 */
export function planSteps(options: PlanOptions): StepPlan {
  const { batchesPerEpoch, gradientAccumulation = 1, epochs = 1, maxSteps } = options
  requireCount('batchesPerEpoch', batchesPerEpoch)
  requireCount('gradientAccumulation', gradientAccumulation)
  if (maxSteps !== undefined) requireCount('maxSteps', maxSteps)
  if (!(epochs > 0 && Number.isFinite(epochs))) {
    throw new ConfigError(`epochs: must be a number above 0; got ${epochs}.`)
  }
  const stepsPerEpoch = Math.ceil(batchesPerEpoch / gradientAccumulation)
  return { stepsPerEpoch, totalSteps: maxSteps ?? Math.ceil(epochs * stepsPerEpoch) }
}

function requireCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new ConfigError(`${name}: must be a whole number of at least 1; got ${value}.`)
  }
}
