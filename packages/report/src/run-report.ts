import { join } from 'node:path'
import { type MetricsRecord, readMetrics } from './metrics-file.js'

/** A step on the curves of a report. */
export interface ReportStep {
  readonly step: number
  readonly loss: number
  readonly lr: number
  readonly gradNorm: number
  readonly tokensPerSecond: number
  readonly bytesInUse: number
  readonly skipped: boolean
}

/** What a prompt was answered before and after training. */
export interface ReportSample {
  readonly prompt: string
  readonly before: string
  readonly after: string
  readonly reference?: string | undefined
}

/** What a report shows; what is missing is left out of it. */
export interface RunReport {
  readonly title: string
  /** Such as 'done', with why where it is not. */
  readonly state: string
  readonly reason?: string | undefined
  readonly startedAt?: string | undefined
  /** Commands that do it again. */
  readonly reproduce: readonly string[]
  readonly configuration: Readonly<Record<string, unknown>>
  /** What the run said of model, data, machine and memory when it was ready. */
  readonly ready?: MetricsRecord | undefined
  /** What it said at its end. */
  readonly result?: Readonly<Record<string, unknown>> | undefined
  readonly totalSteps: number
  readonly steps: readonly ReportStep[]
  readonly evaluations: readonly { readonly step: number; readonly loss: number }[]
  readonly checkpoints: readonly { readonly step: number; readonly isBest: boolean }[]
  readonly verdicts: readonly MetricsRecord[]
  readonly warnings: readonly { readonly code: string; readonly message: string }[]
  readonly samples: readonly ReportSample[]
  /** Names and values of machine and software. */
  readonly environment: Readonly<Record<string, string>>
}

/** What the caller knows of a run beside its metrics. */
export interface RunFacts
  extends Pick<
    RunReport,
    'title' | 'state' | 'reason' | 'startedAt' | 'reproduce' | 'configuration'
  > {
  /** The folder of the run, with metrics.jsonl. */
  readonly folder: string
}

/** A report of the run in a folder, whether it is over or not. */
export async function reportOf({ folder, ...facts }: RunFacts): Promise<RunReport> {
  const lines = await readMetrics(join(folder, 'metrics.jsonl'))
  const all = (type: string) => lines.filter((line) => line.type === type)
  const last = (type: string) => all(type).at(-1)
  return {
    ...facts,
    ready: last('ready'),
    result: last('end')?.result as Readonly<Record<string, unknown>> | undefined,
    totalSteps: Number(last('start')?.totalSteps ?? 0),
    steps: all('step').map((line) => ({
      step: Number(line.step),
      loss: numberOf(line.loss),
      lr: numberOf(line.lr),
      gradNorm: numberOf(line.gradNorm),
      tokensPerSecond: numberOf(line.tokensPerSecond),
      bytesInUse: numberOf(line.bytesInUse),
      skipped: line.skipped === true,
    })),
    evaluations: all('eval').map(({ step, loss }) => ({
      step: Number(step),
      loss: numberOf(loss),
    })),
    checkpoints: all('checkpoint').map(({ step, isBest }) => ({
      step: Number(step),
      isBest: isBest === true,
    })),
    verdicts: all('verdict'),
    warnings: all('warning').map(({ code, message }) => ({
      code: String(code),
      message: String(message),
    })),
    samples: all('sample').map(({ prompt, before, after, reference }) => ({
      prompt: String(prompt),
      before: String(before),
      after: String(after),
      ...(reference !== undefined && { reference: String(reference) }),
    })),
    environment: (last('environment')?.facts ?? {}) as Readonly<Record<string, string>>,
  }
}

/** JSON has no NaN: it is null there. */
function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN
}
