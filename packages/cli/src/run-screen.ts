import type { LlftWarning } from '@llft/errors'
import { sparkline } from '@llft/report'
import { measureMachinePeak } from '@llft/runtime'
import {
  formatBytes,
  formatCount,
  formatSeconds,
  ProgressDisplay,
  type ReadyEvent,
  type RunCallback,
  type RunEvent,
  type StepEvent,
} from '@llft/train'
import type { Output } from './output.js'

/** Steps of which the curve on the line is drawn. */
const CURVE_STEPS = 200
/** Milliseconds between two lines where a line cannot be drawn anew. */
const LINE_INTERVAL_MS = 10_000

/** Shows a run: on a terminal one line that goes on, else a line now and then; with --json every event. */
export class RunScreen {
  readonly callback: RunCallback = { onEvent: (event) => this.handle(event) }
  readonly #losses: number[] = []
  readonly #display: ProgressDisplay
  /** Tokens per second that the machine's peak would be; undefined until it is measured. */
  #peakTokensPerSecond: number | undefined
  #isDrawn = false
  #lastLineAt = 0

  constructor(private readonly output: Output) {
    this.#display = new ProgressDisplay({ write: (text) => this.write(text) }, false)
  }

  readonly warn = (warning: LlftWarning): void => {
    // With --json it is an event of the run.
    if (!this.output.isJson) this.output.warn(`${warning.message} ${warning.remedy}`)
  }

  close(): void {
    if (this.#isDrawn) this.output.streams.stderr.write('\r\x1b[2K')
    this.#isDrawn = false
  }

  private async handle(event: RunEvent): Promise<void> {
    this.output.event(event)
    if (this.output.isJson || this.output.isQuiet) return
    if (event.type === 'step') return this.step(event)
    this.#display.handle(event)
    if (event.type === 'ready') await this.measurePeak(event)
  }

  private async measurePeak({ dtype, flopsPerToken }: ReadyEvent): Promise<void> {
    const peak = await measureMachinePeak()
    this.#peakTokensPerSecond =
      (dtype === 'bfloat16' ? peak.bfloat16 : peak.float32) / flopsPerToken
  }

  private step(event: StepEvent): void {
    this.#losses.push(event.loss)
    const text = this.describe(event)
    const { stderr } = this.output.streams
    if (this.output.isLive) {
      stderr.write(`\r\x1b[2K${text.slice(0, (stderr.columns ?? 80) - 1)}`)
      this.#isDrawn = true
      return
    }
    const isEdge = event.step === event.totalSteps || this.#losses.length === 1
    if (!isEdge && performance.now() - this.#lastLineAt < LINE_INTERVAL_MS) return
    this.#lastLineAt = performance.now()
    this.line(text)
  }

  private describe(event: StepEvent): string {
    const { step, totalSteps, loss, lr, gradNorm, tokensPerSecond, secondsLeft, bytesInUse } = event
    const wide = (this.output.streams.stderr.columns ?? 120) >= 100
    return [
      `step ${step}/${totalSteps}`,
      `loss ${loss.toFixed(3)}`,
      sparkline(this.#losses.slice(-CURVE_STEPS), wide ? 20 : 8),
      `lr ${lr.toExponential(1)}`,
      ...(wide ? [`norm ${gradNorm.toFixed(2)}`] : []),
      `${formatCount(Math.round(tokensPerSecond))} tokens/s${wide ? this.shareOfPeak(tokensPerSecond) : ''}`,
      ...(wide ? [formatBytes(bytesInUse)] : []),
      // The first steps are slower than the others.
      ...(this.#losses.length < 3 ? [] : [`${formatSeconds(secondsLeft)} left`]),
    ].join('  ')
  }

  private shareOfPeak(tokensPerSecond: number): string {
    const peak = this.#peakTokensPerSecond
    return peak === undefined ? '' : ` (${Math.round((100 * tokensPerSecond) / peak)} % of peak)`
  }

  private line(text: string): void {
    this.write(`${text}\n`)
  }

  private write(text: string): void {
    this.close()
    this.output.streams.stderr.write(text)
  }
}
