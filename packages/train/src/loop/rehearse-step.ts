import { noGrad, type TokenBatch } from '@llft/runtime'
import type { Optimizer } from '../optimizers/optimizer.js'
import type { LossModel } from './evaluate.js'
import { StepLauncher } from './step.js'

export interface RehearsalOptions<B extends TokenBatch> {
  model: LossModel<B>
  optimizer: Optimizer
  /** The micro-batches of the step. */
  batches: readonly B[]
  /** A batch of the held-out part. */
  evalBatch?: B | undefined
}

/**
 * What `train` enqueues for a step, and for an evaluation before it, without its waits: for `dryRun`, which tells how
 * much memory it takes.
 */
export function rehearseStep<B extends TokenBatch>(options: RehearsalOptions<B>): void {
  const { model, optimizer, batches, evalBatch } = options
  if (evalBatch !== undefined) noGrad(() => model.loss(evalBatch)).loss.dispose()
  const launcher = new StepLauncher(model, optimizer, {
    maxGradNorm: 1,
    random: { seed: 0, offset: 0 },
    endsAtNonFinite: true,
  })
  try {
    launcher.rehearse(batches)
  } finally {
    launcher.dispose()
  }
}
