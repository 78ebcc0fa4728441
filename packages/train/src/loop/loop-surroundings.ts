import type { GroupsOf } from '../optimizers/parameters.js'
import type { Callbacks } from './callbacks.js'
import type { LoopControl } from './loop-control.js'
import type { Checkpointer, ResumePoint } from './loop-state.js'

/** What a run adds to the loop. */
export interface LoopSurroundings {
  readonly control: LoopControl
  /** Whoever made them closes them. */
  readonly callbacks: Callbacks
  readonly checkpointer?: Checkpointer | undefined
  /** Where an earlier part of the run ended, whose parameters the model has. Default: the start. */
  readonly resumeFrom?: ResumePoint | undefined
  /** Which parameters share their rates, for an optimiser that is made here. Default `decayGroups`. */
  readonly groupsOf?: GroupsOf | undefined
}
