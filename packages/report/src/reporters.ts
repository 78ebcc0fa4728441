import { join } from 'node:path'
import { readTextIfThere } from '@llft/input'
import { writeFileAtomic } from '@llft/safetensors'
import type { RunCallback, RunEvent } from '@llft/train'
import { EventFile } from './event-file.js'
import { MetricsFile, type MetricsRecord } from './metrics-file.js'
import { WandbRun } from './wandb-run.js'

export interface ReporterOptions {
  /** Folder of the run. */
  readonly folder: string
  /** Steps between two lines. Default 1. */
  readonly logSteps?: number | undefined
}

/** Writes `metrics.jsonl` of a run: a line for each event, and what others note. */
export class MetricsReporter implements RunCallback {
  #file: MetricsFile | undefined
  readonly #early: MetricsRecord[] = []

  constructor(private readonly options: ReporterOptions) {}

  /** Adds a line of its own. */
  note(record: MetricsRecord): void {
    if (this.#file === undefined) this.#early.push(record)
    else this.#file.append(record)
  }

  async onEvent(event: RunEvent): Promise<void> {
    const { folder, logSteps = 1 } = this.options
    // Where the run goes on is known at its start.
    if (event.type === 'start') {
      this.#file = await MetricsFile.open(join(folder, 'metrics.jsonl'), event.firstStep)
      for (const before of this.#early.splice(0)) this.#file.append(before)
    }
    if (event.type === 'step' && event.step % logSteps !== 0) return
    this.note(lineOf(event))
    await this.#file?.flush()
  }

  close(): Promise<void> | undefined {
    return this.#file?.close()
  }
}

/** Writes event files for TensorBoard to `tensorboard/` of a run. */
export function tensorboardReporter({ folder, logSteps = 1 }: ReporterOptions): RunCallback {
  let file: EventFile | undefined
  return {
    async onEvent(event) {
      if (event.type === 'start') {
        const resumedAfter = event.firstStep === 0 ? undefined : event.firstStep
        file = await EventFile.create(join(folder, 'tensorboard'), { resumedAfter })
      }
      if (event.type === 'step' && event.step % logSteps === 0) {
        for (const [name, value] of Object.entries(figuresOf(event))) {
          file?.scalar(`train/${name}`, event.step, value)
        }
        await file?.flush()
      }
      if (event.type === 'eval') {
        file?.scalar('eval/loss', event.step, event.loss)
        for (const [name, value] of Object.entries(event.metrics ?? {})) {
          file?.scalar(`eval/${name}`, event.step, value)
        }
        await file?.flush()
      }
    },
    close: () => file?.close(),
  }
}

export interface WandbOptions extends ReporterOptions {
  readonly project: string
  /** Default: the folder. */
  readonly name?: string | undefined
  readonly config: Readonly<Record<string, unknown>>
  /** The clock, in milliseconds since 1970. */
  readonly now?: (() => number) | undefined
}

/** The file that keeps the id of a run for what goes on with it. */
const WANDB_ID = join('wandb', 'llft-run-id')

/** Writes an offline run of Weights & Biases to `wandb/` of a run; `wandb sync` uploads it. */
export function wandbReporter(options: WandbOptions): RunCallback {
  const { folder, logSteps = 1, project, name = folder, config, now } = options
  let run: WandbRun | undefined
  let exitCode = 1
  return {
    async onEvent(event) {
      if (event.type === 'start') {
        const path = join(folder, WANDB_ID)
        const isResumed = event.firstStep > 0
        const before = isResumed ? await readTextIfThere(path) : undefined
        run = await WandbRun.open(folder, { project, name, config, now, id: before?.trim() })
        await writeFileAtomic(path, `${run.id}\n`)
      }
      if (event.type === 'step' && event.step % logSteps === 0) {
        run?.logStep(event.step, prefixed('train', figuresOf(event)))
        await run?.flush()
      }
      if (event.type === 'eval') {
        run?.logStep(event.step, prefixed('eval', { loss: event.loss, ...event.metrics }))
        await run?.flush()
      }
      if (event.type === 'end') exitCode = 0
    },
    close: () => run?.finish(exitCode),
  }
}

function prefixed(prefix: string, values: Readonly<Record<string, number>>) {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${prefix}/${name}`, value]),
  )
}

/** The figures of a step that curves are drawn of. */
export function figuresOf(event: Extract<RunEvent, { type: 'step' }>): Record<string, number> {
  const { loss, lr, gradNorm, tokensPerSecond, epoch, bytesInUse } = event
  return {
    loss,
    learning_rate: lr,
    grad_norm: gradNorm,
    tokens_per_second: tokensPerSecond,
    epoch,
    bytes_in_use: bytesInUse,
  }
}

function lineOf(event: RunEvent): MetricsRecord {
  const time = new Date().toISOString()
  if (event.type !== 'end') return { ...event, time }
  // The losses of all steps are in the lines before.
  const { losses: _, ...result } = event.result
  return { ...event, result, time }
}
