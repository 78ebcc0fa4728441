import { formatWarning, type LlftWarning } from '@llft/errors'
import type { StartEvent, StepEvent } from '../loop/events.js'
import type { TrainResult } from '../loop/result.js'
import type { ReadyEvent, RunEvent } from '../run/run-events.js'
import { formatBytes, formatCount, formatSeconds } from './format.js'

/** Milliseconds between two lines of a display that is no terminal. */
const LINE_INTERVAL_MS = 10_000

/** Where a display writes: `process.stderr`, or what a test gives. */
export interface DisplayStream {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
}

/** Shows a run as text: what will be done, how far it is, where the result lies. */
export class ProgressDisplay {
  #drawn = false
  #lastLineAt = Number.NEGATIVE_INFINITY

  /** @param updates whether one line is drawn anew for each step, which only a terminal can do */
  constructor(
    private readonly stream: DisplayStream,
    private readonly updates: boolean,
    private readonly now: () => number = () => performance.now(),
  ) {}

  handle(event: RunEvent): void {
    if (event.type === 'step') this.step(event)
    else for (const text of linesOf(event)) this.line(text)
  }

  /** Writes a line of its own, below which the updating one goes on. */
  line(text: string): void {
    this.stream.write(`${this.erased()}${text}\n`)
  }

  /** Shows a warning; a handler for `onWarning`. */
  readonly warn = (warning: LlftWarning): void => this.line(formatWarning(warning))

  /** Leaves the terminal with the cursor at the start of a line. */
  close(): void {
    if (this.#drawn) this.stream.write(this.erased())
  }

  private step(event: StepEvent): void {
    const text = stepLine(event)
    if (this.updates) {
      const width = (this.stream.columns ?? 80) - 1
      this.stream.write(`\r\x1b[2K${text.slice(0, width)}`)
      this.#drawn = true
      return
    }
    const isEdge = event.step === 1 || event.step === event.totalSteps
    if (!isEdge && this.now() - this.#lastLineAt < LINE_INTERVAL_MS) return
    this.#lastLineAt = this.now()
    this.line(text)
  }

  private erased(): string {
    const text = this.#drawn ? '\r\x1b[2K' : ''
    this.#drawn = false
    return text
  }
}

function linesOf(event: Exclude<RunEvent, StepEvent>): string[] {
  switch (event.type) {
    case 'ready':
      return readyLines(event)
    case 'start':
      return [stepsLine(event)]
    case 'eval':
      return [`held-out loss ${event.loss.toFixed(3)} after ${event.step} steps`]
    case 'end':
      return [endLine(event.result)]
    case 'checkpoint':
      return [`checkpoint of step ${event.step}${event.isBest ? ', the best so far' : ''}`]
    case 'verdict':
      return event.kind === 'healthy' ? [] : [`${event.kind}: ${event.text}. ${event.advice}`]
    case 'warning':
      // Who shows warnings is asked by itself: see `warn`.
      return []
    case 'saved':
      return [`Saved in ${event.folder}`]
  }
}

function readyLines(event: ReadyEvent): string[] {
  const { model, data, evalData, dtype, isa, threads, quantization, estimate } = event
  const heldOut = evalData === undefined ? '' : `; ${formatCount(evalData.examples)} rows held out`
  const stored = quantization === undefined ? dtype : `${quantization}, computed in ${dtype}`
  return [
    `Fine-tuning ${model}`,
    `  weights  ${stored}; kernels ${isa}, ${threads} threads`,
    `  trains   ${event.adaptation}: ${formatCount(event.trainableParameters)} of ${formatCount(event.totalParameters)} parameters`,
    `  data     ${formatCount(data.examples)} of ${formatCount(data.rows)} rows, ${formatCount(data.tokens)} tokens, ${formatCount(data.trainedTokens)} of them learnt${heldOut}`,
    `  memory   about ${formatBytes(estimate.peakResidentBytes)}`,
  ]
}

function stepsLine({ firstStep, totalSteps }: StartEvent): string {
  const after = firstStep === 0 ? '' : `, going on after step ${formatCount(firstStep)}`
  return `  steps    ${formatCount(totalSteps)}${after}`
}

function stepLine({ step, totalSteps, loss, lr, tokensPerSecond, secondsLeft }: StepEvent): string {
  const done = `step ${step}/${totalSteps}`
  const figures = `loss ${loss.toFixed(3)}  lr ${lr.toExponential(1)}  ${Math.round(tokensPerSecond)} tokens/s`
  // The first steps are slower than the others, so that a time from them would be too long.
  const left = step < Math.min(3, totalSteps) ? '' : `  ${formatSeconds(secondsLeft)} left`
  return `${done}  ${figures}${left}`
}

function endLine({ steps, seconds, tokensPerSecond }: TrainResult): string {
  const rate = `${formatCount(Math.round(tokensPerSecond))} tokens/s`
  return `Trained ${formatCount(steps)} steps in ${formatSeconds(seconds)}, ${rate}`
}
