import type { Tensor } from '@llft/runtime'
import { AdamW, type AdamWSettings, type ParameterGroup, type Schedule } from '@llft/train'

/**
 * AdamW that keeps its own place in the schedule of a run, so that the run can be cut into parts: each part is trained
 * at the learning rate 1, and this is what it is multiplied by.
 */
export class ScheduledAdamW extends AdamW {
  /** Steps of the whole run that are done. */
  stepsDone = 0

  constructor(
    groups: readonly ParameterGroup[],
    settings: AdamWSettings,
    private readonly rate: Schedule,
  ) {
    super(groups, settings)
  }

  override step(lr: number, gradFactor: Tensor): void {
    super.step(lr * this.rate(this.stepsDone++), gradFactor)
  }
}
