import { ConfigError } from '@llft/errors'
import type { Module } from '@llft/runtime'

const training = new WeakSet<Module>()

/**
 * Marks `model` as one that a run trains.
 *
 * @returns what takes the mark off
 * @throws ConfigError if another run has it: both would update the same parameters.
 */
export function claimForTraining(model: Module, caller: string): () => void {
  requireIdle(model, caller)
  training.add(model)
  return () => training.delete(model)
}

function requireIdle(model: Module, caller: string): void {
  if (!training.has(model)) return
  throw new ConfigError(
    `${caller}.model: must not be in training; got a model that another run trains. Wait for it, or load the model again.`,
  )
}
