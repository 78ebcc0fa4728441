import { ConfigError, SaveError } from '@llft/errors'
import type { CheckpointEvent } from '../loop/events.js'
import type { LoopControl } from '../loop/loop-control.js'
import { EventQueue } from './event-queue.js'
import type { RunEvent } from './run-events.js'

/**
 * A run that goes on: wait for it (`await run`), watch it (`for await (const event of run)`), steer it. With `await using` it
 * is stopped, and saved, where its block ends.
 */
export class RunHandle<R> implements PromiseLike<R>, AsyncIterable<RunEvent>, AsyncDisposable {
  /** What the run did. */
  readonly result: Promise<R>
  readonly #watchers = new Set<(event: RunEvent) => void>()
  readonly #queues = new Set<EventQueue<RunEvent>>()
  #isOver = false

  /** @param start begins the run after what else the caller does now, so that nobody misses its first event */
  constructor(
    private readonly control: LoopControl,
    start: (tell: (event: RunEvent) => void) => Promise<R>,
  ) {
    this.result = Promise.resolve()
      .then(() => start((event) => this.tell(event)))
      .finally(() => this.end())
  }

  // biome-ignore lint/suspicious/noThenProperty: `await loraTrain(...)` gives the result
  then<A = R, B = never>(
    onResult?: ((result: R) => A | PromiseLike<A>) | null,
    onError?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.result.then(onResult, onError)
  }

  /** As of a promise. */
  catch<B = never>(onError?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<R | B> {
    return this.result.catch(onError)
  }

  /** As of a promise. */
  finally(onEnd?: (() => void) | null): Promise<R> {
    return this.result.finally(onEnd)
  }

  /** Holds the run between two steps. @returns when it stands there, or is over */
  async pause(): Promise<void> {
    if (!this.#isOver) await this.control.pause()
  }

  /** Lets a paused run go on. */
  resume(): void {
    this.control.resume()
  }

  /**
   * Writes a checkpoint after the step that is running.
   *
   * @throws ConfigError for a run that is over; SaveError if it cannot be written, or the run has no folder for them.
   */
  async checkpoint(): Promise<CheckpointEvent> {
    const watch = this.watchForCheckpoint()
    this.control.checkpoint()
    return watch
  }

  /** Ends the run after the step that is running as if that were its last one: the result is saved. */
  stop(reason = 'it was asked to stop'): Promise<R> {
    this.control.stop(reason)
    return this.result
  }

  /** The events from now on; a run that fails ends them with its error. */
  [Symbol.asyncIterator](): AsyncIterator<RunEvent> {
    // Whoever iterates gets the error there.
    this.result.catch(() => undefined)
    const queue = new EventQueue<RunEvent>(this.result, () => this.#queues.delete(queue))
    if (this.#isOver) queue.end()
    else this.#queues.add(queue)
    return queue
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('its block was left').catch(() => undefined)
  }

  private tell(event: RunEvent): void {
    for (const queue of this.#queues) queue.push(event)
    for (const watcher of [...this.#watchers]) watcher(event)
  }

  private end(): void {
    this.#isOver = true
    // Whoever waits for a pause waits for nothing now.
    this.control.close()
    for (const queue of this.#queues) queue.end()
    this.#queues.clear()
  }

  private watchForCheckpoint(): Promise<CheckpointEvent> {
    return new Promise((resolve, reject) => {
      const done = (settle: () => void) => {
        this.#watchers.delete(watcher)
        settle()
      }
      const watcher = (event: RunEvent) => {
        if (event.type === 'checkpoint') done(() => resolve(event))
        if (event.type === 'warning' && event.code === 'WARN_LLFT_CHECKPOINT_FAILED') {
          done(() => reject(new SaveError(`checkpoint: ${event.message}`)))
        }
      }
      this.#watchers.add(watcher)
      const over = () =>
        done(() =>
          reject(
            new ConfigError(
              'checkpoint: the run must be going on; got one that ended without writing it.',
            ),
          ),
        )
      this.result.then(over, over)
    })
  }
}
