import type { RunControl, TrainCallback } from './callback.js'
import type { CheckpointEvent, EvalEvent, StepEvent, TrainEvent } from './events.js'

/** The methods that are told something and give nothing back. */
type Hook = Exclude<keyof TrainCallback, 'measure' | 'onEvent' | 'close'>
type Argument<H extends Hook> = Parameters<NonNullable<TrainCallback[H]>>[0]

/** The callbacks of a run, called one after the other. */
export class Callbacks<E extends { readonly type: string } = TrainEvent> {
  constructor(
    private readonly list: readonly TrainCallback<E>[],
    private readonly run: RunControl,
  ) {}

  /** Whether any of them has that method: a call that nobody takes should not cost a turn of the event loop. */
  has(hook: Hook): boolean {
    return this.list.some((callback) => callback[hook] !== undefined)
  }

  async call<H extends Hook>(hook: H, argument: Argument<H>): Promise<void> {
    for (const callback of this.list) {
      const method = callback[hook] as ((at: Argument<H>, run: RunControl) => unknown) | undefined
      await method?.call(callback, argument, this.run)
    }
  }

  /** Tells every callback of `event`, by the method that is meant for it and by `onEvent`. */
  async tell(event: E): Promise<void> {
    const { type } = event
    if (type === 'step') await this.call('afterStep', event as E & StepEvent)
    if (type === 'eval') await this.call('afterEvaluation', event as E & EvalEvent)
    if (type === 'checkpoint') await this.call('afterCheckpoint', event as E & CheckpointEvent)
    for (const callback of this.list) await callback.onEvent?.(event, this.run)
  }

  /** The figures that callbacks add to an evaluation. */
  async measure(step: number): Promise<Record<string, number>> {
    const figures: Record<string, number> = {}
    for (const callback of this.list) {
      Object.assign(figures, await callback.measure?.({ step }, this.run))
    }
    return figures
  }

  /** Lets every callback put its things away, whatever the others throw. */
  async close(): Promise<void> {
    const failures: unknown[] = []
    for (const callback of this.list) {
      try {
        await callback.close?.()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
