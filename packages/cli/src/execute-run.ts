import { relative, resolve } from 'node:path'
import { type RunConfig, runFolders, runOptionsOf } from '@llft/config'
import {
  AbortedError,
  fineTune,
  fullTraining,
  type LoraTrainOptions,
  loraTrain,
  RunAbortedError,
  type RunHandle,
  type RunResult,
} from '@llft/lora'
import { MetricsReporter, tensorboardReporter, wandbReporter } from '@llft/report'
import { type RunCallback, type RunOptions, SignalListener } from '@llft/train'
import { environmentFacts } from './environment.js'
import { firstWeights } from './first-weights.js'
import type { Output } from './output.js'
import type { RunFolder, RunRecord } from './run-folder.js'
import { sampleCallback } from './run-samples.js'
import { RunScreen } from './run-screen.js'
import { writeReport } from './write-report.js'

export interface ExecuteOptions {
  readonly output: Output
  readonly folder: RunFolder
  readonly config: RunConfig
  /** What the run is started with beside its configuration. */
  readonly extra?: Partial<LoraTrainOptions> | undefined
  /** Whether the folder was made for this run, which may never begin. Default false. */
  readonly isNew?: boolean | undefined
  /** The command line, for the record. */
  readonly command: string
  /** Sets what `llft` ends with. */
  readonly exit: (code: number) => void
}

/**
 * Trains as a configuration says, in the folder of its run, and says what to do next. The first signal that asks the process
 * to end finishes the step and saves.
 */
export async function executeRun(options: ExecuteOptions): Promise<void> {
  const { output, folder, config, extra = {}, isNew = false, exit } = options
  const record = await RunKeeper.of(options)
  const screen = new RunScreen(output)
  const signals = new SignalListener()
  const callbacks = [record.callback, ...reportersOf(config), screen.callback]
  let first: Partial<LoraTrainOptions> = {}
  try {
    const { signal } = signals
    first = await firstWeights(config)
    const watched = { callbacks, onWarning: screen.warn, signal }
    const result = await start(config, { ...first, ...extra, ...watched })
    await record.end(result.stopReason === undefined ? 'done' : 'stopped', result.stopReason)
    screen.close()
    await report(options)
    output.event({ type: 'run', folder: folder.path, result: result.folder })
    tellNext(output, config)
  } catch (error) {
    const { message } = error as Error
    if (isNew && !record.hasBegun) {
      await folder.abandon()
      if (signals.interruption === undefined) throw error
      output.note(message)
      return exit(signals.interruption.exitCode)
    }
    await record.end(error instanceof AbortedError ? 'stopped' : 'failed', message)
    screen.close()
    await report(options)
    if (signals.interruption === undefined || !(error instanceof AbortedError)) throw error
    if (error instanceof RunAbortedError && error.checkpoints !== undefined) {
      output.note(`${signals.interruption.received}: stopped after step ${error.result.steps}.`)
      output.next([`llft resume ${folder.path}`, 'go on with it'])
    } else {
      output.note(message)
      exit(signals.interruption.exitCode)
    }
  } finally {
    screen.close()
    signals.close()
    // One that the run loads is freed by it.
    if (typeof first.model === 'object') first.model.dispose()
  }
}

/** Writes the report, where there is to be one. */
async function report({ output, folder, config }: ExecuteOptions): Promise<void> {
  if (config.report.includes('html')) output.note(`Report: ${await writeReport(folder, config)}`)
}

/** Writes down what becomes of a run. */
class RunKeeper {
  #totalSteps = 0
  readonly callback: RunCallback = {
    onEvent: async (event) => {
      if (event.type !== 'start') return
      this.#totalSteps = event.totalSteps
      await this.write('running')
    },
  }

  private constructor(
    private readonly options: ExecuteOptions,
    private readonly startedAt: string,
  ) {}

  /** Whether it came to its first step. */
  get hasBegun(): boolean {
    return this.#totalSteps > 0
  }

  static async of(options: ExecuteOptions): Promise<RunKeeper> {
    const before = await options.folder.record().catch(() => undefined)
    return new RunKeeper(options, before?.startedAt ?? new Date().toISOString())
  }

  end(state: 'done' | 'stopped' | 'failed', reason: string | undefined): Promise<void> {
    return this.write(state, { reason, endedAt: new Date().toISOString() })
  }

  private write(state: RunRecord['state'], more: Partial<RunRecord> = {}): Promise<void> {
    const { folder, command } = this.options
    const totalSteps = this.#totalSteps
    return folder.write({ state, startedAt: this.startedAt, totalSteps, command, ...more })
  }
}

function start(config: RunConfig, extra: Partial<LoraTrainOptions>): RunHandle<RunResult> {
  const { method, options, full } = runOptionsOf(config)
  const all = { ...options, ...extra, progress: 'none' as const, signal: extra.signal }
  return method === 'lora'
    ? loraTrain(all)
    : fineTune({ ...(all as RunOptions), adaptation: fullTraining(full) })
}

function reportersOf(config: RunConfig): RunCallback[] {
  const { output: folder, report, training } = config
  const options = { folder, logSteps: training.log_steps }
  const isReported = report.includes('html')
  // The report is made of the metrics.
  const metrics = report.includes('jsonl') || isReported ? new MetricsReporter(options) : undefined
  metrics?.note({ type: 'environment', facts: environmentFacts() })
  return [
    ...(metrics === undefined ? [] : [metrics]),
    ...(metrics !== undefined && isReported ? [sampleCallback(config, metrics)] : []),
    ...(report.includes('tensorboard') ? [tensorboardReporter(options)] : []),
    ...(report.includes('wandb') ? [wandbReporter({ ...options, project: 'llft', config })] : []),
  ]
}

/** What can be done with a run that is done. */
function tellNext(output: Output, config: RunConfig): void {
  const { result } = runFolders(config)
  const here = relative(process.cwd(), resolve(result)) || result
  const { path } = config.model
  if (config.method === 'full') {
    output.next([`llft chat ${here}`, 'talk with it'])
    return
  }
  output.next(
    [`llft chat ${path} --adapter ${here} --compare`, 'see what it learnt'],
    [`llft merge ${path} ${config.output}/merged --adapter ${here}`, 'write one model'],
  )
}
