import type { Module } from '@llft/runtime'
import type { CheckpointEvent, EvalEvent, StepEvent, TrainEvent } from './events.js'

type Awaitable<T> = T | Promise<T>

/** A step that is about to be taken. */
export interface StepPlace {
  /** From 1. */
  readonly step: number
  readonly totalSteps: number
  /** Learning rate of its update. */
  readonly lr: number
}

/** A forward and backward pass of a step. */
export interface MicroBatchPlace {
  readonly step: number
  /** From 0, of `count` passes. */
  readonly index: number
  readonly count: number
  /** Tokens of the batch. */
  readonly tokens: number
}

/** A place between two steps. */
export interface Boundary {
  /** Steps that are done. */
  readonly step: number
}

/** What a callback may ask of the run. It happens between two steps, once the step in flight is done. */
export interface RunControl {
  /** Its parameters must not be written but between steps. */
  readonly model: Module
  /** Ends the run as if it had come to its last step: the result is saved and says why. */
  stop(reason: string): void
  /** Writes a checkpoint, where the run has a folder for them. */
  checkpoint(): void
  evaluate(): void
}

/**
 * What takes part in a run: logging, early stopping, samples, reports. Every method is optional, may be async, and is
 * awaited where it is called; what it throws ends the run. The order is that of the list of callbacks.
 *
 * @typeParam E the events that the run tells
 */
export interface TrainCallback<E extends { readonly type: string } = TrainEvent> {
  /** The step before it may still be on the device. */
  beforeStep?: ((step: StepPlace, run: RunControl) => Awaitable<void>) | undefined
  beforeMicroBatch?: ((place: MicroBatchPlace, run: RunControl) => Awaitable<void>) | undefined
  afterMicroBatch?: ((place: MicroBatchPlace, run: RunControl) => Awaitable<void>) | undefined
  /** With its figures, while the step after it is on the device. */
  afterStep?: ((event: StepEvent, run: RunControl) => Awaitable<void>) | undefined
  beforeEvaluation?: ((place: Boundary, run: RunControl) => Awaitable<void>) | undefined
  /** Figures of its own for an evaluation, such as an accuracy: they become part of its record. */
  measure?:
    | ((place: Boundary, run: RunControl) => Awaitable<Readonly<Record<string, number>>>)
    | undefined
  afterEvaluation?: ((event: EvalEvent, run: RunControl) => Awaitable<void>) | undefined
  beforeCheckpoint?: ((place: Boundary, run: RunControl) => Awaitable<void>) | undefined
  /** Once it is whole on the disk, which may be some steps later. */
  afterCheckpoint?: ((event: CheckpointEvent, run: RunControl) => Awaitable<void>) | undefined
  /** Every event, after the method of its own. */
  onEvent?: ((event: E, run: RunControl) => Awaitable<void>) | undefined
  /** When the run is over, however it ended. */
  close?: (() => Awaitable<void>) | undefined
}
