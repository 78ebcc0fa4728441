import {
  accumulate,
  add as addTensors,
  backward,
  backwardInTurns,
  clipFactor,
  keep,
  type Loss,
  type LossOptions,
  noGrad,
  type RandomState,
  randomState,
  scale,
  scope,
  setRandomState,
  sumSquares,
  type Tensor,
  type TokenBatch,
} from '@llft/runtime'
import type { Optimizer } from '../optimizers/optimizer.js'
import type { LossModel } from './evaluate.js'

/** What the device will have computed once a step has run. */
export interface StepFigures {
  /** Nats per counted token, before the update. */
  readonly loss: number
  /** Before clipping. */
  readonly gradNorm: number
}

/** An optimiser step whose work is enqueued. */
export interface LaunchedStep {
  readonly tokens: number
  readonly trainedTokens: number
  readonly figures: Promise<StepFigures>
}

/** Sum of losses and counts over the micro-batches of a step so far. */
interface Accumulated {
  lossSum: Tensor | undefined
  tokens: number
  trainedTokens: number
}

export interface LauncherOptions {
  /** 0 does not clip. */
  readonly maxGradNorm: number
  /** Where dropout and noise stand in their random numbers. */
  readonly random: RandomState
  /** What training adds to the loss. Default nothing. */
  readonly lossOptions?: LossOptions | undefined
  /** Whether no step is taken any more after one that is not finite. */
  readonly endsAtNonFinite: boolean
}

/** What is told of each pass of a step. */
export interface PassObserver {
  before(index: number): Promise<void>
  after(index: number): Promise<void>
}

/**
 * Enqueues optimiser steps of one run; it has its own place in the stream of dropout's random numbers.
 *
 * A step whose loss or gradients are not finite leaves parameters and optimiser state as they are, although the host learns
 * of it only when more work is on its way. Where that ends the run, so does every later step: `#health` is 0, or NaN from
 * such a step on, and is part of the norm by which the optimiser goes.
 */
export class StepLauncher<B extends TokenBatch> {
  #random: RandomState
  #health: Tensor | undefined

  constructor(
    private readonly model: LossModel<B>,
    private readonly optimizer: Optimizer,
    private readonly options: LauncherOptions,
  ) {
    this.#random = options.random
  }

  get random(): RandomState {
    return this.#random
  }

  /**
   * Forward and backward of every micro-batch, then one update with gradients divided by the counted tokens of all of
   * them. Between passes the event loop gets its turn, and an abort drops the step, as if it had not begun: undefined.
   */
  async launch(
    batches: readonly B[],
    lr: number,
    { signal, observer }: { signal?: AbortSignal | undefined; observer?: PassObserver | undefined },
  ): Promise<LaunchedStep | undefined> {
    const sums: Accumulated = { lossSum: undefined, tokens: 0, trainedTokens: 0 }
    const random = this.#random
    try {
      for (const [index, batch] of batches.entries()) {
        await eventLoopTurn()
        if (signal?.aborted) {
          this.#random = random
          return undefined
        }
        await observer?.before(index)
        await this.addGradients(batch, sums)
        await observer?.after(index)
      }
      return this.update(sums, lr)
    } finally {
      sums.lossSum?.dispose()
      this.optimizer.clearGradients()
    }
  }

  /** The same without the turns of the event loop, for a dry run: nothing is read. */
  rehearse(batches: readonly B[]): void {
    const sums: Accumulated = { lossSum: undefined, tokens: 0, trainedTokens: 0 }
    try {
      for (const batch of batches) {
        const { loss, countedTokens } = this.lossOf(batch)
        if (countedTokens > 0) backward(loss)
        add(sums, batch, { loss, countedTokens })
      }
      if (sums.lossSum !== undefined && sums.trainedTokens > 0) {
        this.updateParameters(sums.lossSum, sums.trainedTokens, 0).dispose()
      }
    } finally {
      sums.lossSum?.dispose()
      this.optimizer.clearGradients()
    }
  }

  dispose(): void {
    this.#health?.dispose()
    this.#health = undefined
  }

  private lossOf(batch: B): Loss {
    return this.withRandom(() => this.model.loss(batch, this.options.lossOptions))
  }

  private async addGradients(batch: B, sums: Accumulated): Promise<void> {
    const { loss, countedTokens } = this.lossOf(batch)
    try {
      await eventLoopTurn()
      if (countedTokens > 0) await backwardInTurns(loss)
    } catch (error) {
      loss.dispose()
      throw error
    }
    add(sums, batch, { loss, countedTokens })
  }

  private update({ lossSum, tokens, trainedTokens }: Accumulated, lr: number): LaunchedStep {
    if (lossSum === undefined || trainedTokens === 0) {
      return { tokens, trainedTokens, figures: Promise.resolve({ loss: 0, gradNorm: 0 }) }
    }
    const norm = this.updateParameters(lossSum, trainedTokens, lr)
    const figures = Promise.all([lossSum.item(), norm.item()]).then(([sum, gradNorm]) => ({
      loss: sum / trainedTokens,
      gradNorm,
    }))
    norm.dispose()
    // It is awaited one step later; without a handler a failure before that would count as unhandled.
    figures.catch(() => undefined)
    return { tokens, trainedTokens, figures }
  }

  /** The norm of the gradients, divided by the tokens, before clipping. */
  private updateParameters(lossSum: Tensor, trainedTokens: number, lr: number): Tensor {
    return scope(() => {
      const squares = addTensors(sumSquares(this.optimizer.gradients()), this.healthWith(lossSum))
      const { factor, norm } = clipFactor(squares, trainedTokens, this.options.maxGradNorm)
      this.optimizer.step(lr, factor)
      this.healthWith(norm)
      return norm
    })
  }

  /** 0 while every figure is finite, this one included; NaN if it is not, and from then on where that ends the run. */
  private healthWith(figure: Tensor): Tensor {
    const before = this.options.endsAtNonFinite ? this.#health : undefined
    const health = noGrad(() => {
      const zero = scale(figure, 0)
      return before === undefined ? zero : addTensors(zero, before)
    })
    this.#health?.dispose()
    this.#health = keep(health)
    return health
  }

  private withRandom<T>(fn: () => T): T {
    const outer = randomState()
    setRandomState(this.#random)
    try {
      return fn()
    } finally {
      this.#random = randomState()
      setRandomState(outer)
    }
  }
}

/** Adds the loss of a micro-batch to those before it, and takes it over. */
function add(sums: Accumulated, batch: TokenBatch, { loss, countedTokens }: Loss): void {
  sums.tokens += batch.ids.length
  sums.trainedTokens += countedTokens
  if (sums.lossSum === undefined) {
    sums.lossSum = loss
  } else {
    accumulate(sums.lossSum, loss)
    loss.dispose()
  }
}

function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
