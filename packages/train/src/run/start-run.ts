import { AbortedError, guardHandler, Warnings } from '@llft/errors'
import type { OutputFolder } from '@llft/safetensors'
import { ProgressDisplay } from '../display/progress-display.js'
import { Callbacks } from '../loop/callbacks.js'
import { LoopControl } from '../loop/loop-control.js'
import { warnOfIdleOptions } from './idle-options.js'
import { SignalListener } from './interruption.js'
import { Run, type RunResult } from './run.js'
import { RunAbortedError } from './run-errors.js'
import type { RunEvent } from './run-events.js'
import { RunHandle } from './run-handle.js'
import type { ResolvedRunOptions, RunOptions } from './run-options.js'
import type { RunSurroundings } from './run-surroundings.js'

/** What a function that starts runs says of one. */
export interface RunStart<R> {
  /** The options as they were given. */
  readonly options: Partial<RunOptions>
  /** Checks them. @throws ConfigError */
  readonly resolve: () => ResolvedRunOptions
  /** What the caller gets of the result. */
  readonly finish: (result: RunResult) => R
}

/** Starts a run: options, folder, signals and display, around the run itself. */
export function startRun<R>({ options, resolve, finish }: RunStart<R>): RunHandle<R> {
  const control = new LoopControl()
  return new RunHandle(control, async (watch) =>
    finish(await new StartedRun(resolve(), control, watch).execute(options)),
  )
}

class StartedRun {
  readonly #display: ProgressDisplay | undefined
  readonly #warnings: Warnings
  readonly #callbacks: Callbacks<RunEvent>
  readonly #signals: SignalListener | undefined

  constructor(
    private readonly options: ResolvedRunOptions,
    private readonly control: LoopControl,
    private readonly watch: (event: RunEvent) => void,
  ) {
    this.#display = displayOf(options)
    const tell = options.onWarning ?? this.#display?.warn
    this.#callbacks = new Callbacks<RunEvent>(options.callbacks, control)
    this.#warnings = new Warnings(tell, (warning) => {
      const event: RunEvent = { type: 'warning', ...warning }
      watch(event)
      control.later(() => this.#callbacks.tell(event))
    })
    this.#signals = options.handleSignals ? new SignalListener() : undefined
  }

  async execute(given: Partial<RunOptions>): Promise<RunResult> {
    warnOfIdleOptions(this.#warnings, given)
    try {
      const result = await this.inFolder()
      // One that came while the last step or the saving was on is answered too.
      if (this.#signals?.interruption)
        this.exit(0, `The ${this.options.adaptation.result} is in ${result.folder}.`)
      return result
    } catch (error) {
      const interruption = this.#signals?.interruption
      if (interruption === undefined || !(error instanceof AbortedError)) throw error
      const isSaved = error instanceof RunAbortedError && error.folder !== undefined
      return this.exit(isSaved ? 0 : interruption.exitCode, error.message)
    } finally {
      this.#display?.close()
      this.#signals?.close()
    }
  }

  private async inFolder(): Promise<RunResult> {
    const { adaptation, model, overwrite, where, signal: given } = this.options
    const signal = anySignal(given, this.#signals?.signal)
    const source = typeof model === 'string' ? model : model.sourceFolder
    const output = await adaptation.prepareOutput(this.options.output, {
      where: `${where}.output`,
      overwrite,
      source,
    })
    try {
      return await this.withCallbacks({ ...this.options, signal }, output)
    } catch (error) {
      if (!signal?.aborted || error !== signal.reason) throw error
      const aborted = new AbortedError(
        `${where}: was stopped by its AbortSignal before the first step.`,
      )
      aborted.cause = error
      throw aborted
    } finally {
      await output.release()
    }
  }

  private async withCallbacks(
    options: ResolvedRunOptions,
    output: OutputFolder,
  ): Promise<RunResult> {
    const program = guardHandler(options.onEvent, this.#warnings)
    const tell = (event: RunEvent) => {
      this.#display?.handle(event)
      this.watch(event)
      program(event)
    }
    const surroundings: RunSurroundings = {
      warnings: this.#warnings,
      control: this.control,
      callbacks: this.#callbacks,
      tell,
    }
    try {
      return await new Run(options, output, surroundings).execute()
    } finally {
      await this.control.drain()
      await this.#callbacks.close()
    }
  }

  /** Ends the process as a signal asks for, once nothing is left to lose. */
  private exit(code: number, words: string): never {
    this.#display?.close()
    process.stderr.write(`llft: ${words}\n`)
    process.exit(code)
  }
}

function displayOf({ progress, onEvent }: ResolvedRunOptions): ProgressDisplay | undefined {
  const { stderr } = process
  if (progress === 'lines') return new ProgressDisplay(stderr, false)
  const isWatched = progress === 'auto' && onEvent === undefined && stderr.isTTY
  return isWatched ? new ProgressDisplay(stderr, true) : undefined
}

function anySignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined)
  return given.length > 1 ? AbortSignal.any(given) : given[0]
}
