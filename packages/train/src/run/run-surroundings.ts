import type { Warnings } from '@llft/errors'
import type { Callbacks } from '../loop/callbacks.js'
import type { LoopControl } from '../loop/loop-control.js'
import type { RunEvent } from './run-events.js'

/** Who watches and steers a run. */
export interface RunSurroundings {
  readonly warnings: Warnings
  readonly control: LoopControl
  readonly callbacks: Callbacks<RunEvent>
  /** Tells the program, not the callbacks. */
  readonly tell: (event: RunEvent) => void
}
