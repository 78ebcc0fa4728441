import type { CliEvent } from './cli-event.js'
import { isTerminal, type Paint, paintFor } from './paint.js'
import type { Streams } from './streams.js'

/** The options that every command takes. */
export interface CommonOptions {
  readonly json?: boolean
  readonly quiet?: boolean
  /** False with --no-color. */
  readonly color?: boolean
}

/** A command and what it is for. */
export type NextStep = readonly [command: string, what: string]

/** Columns of text that goes to no terminal. */
const PIPE_COLUMNS = 100
/** Longer lines are hard to read. */
const MOST_COLUMNS = 120
const CLEAR_LINE = '\r\u001b[2K'

/** What a command says: results on stdout, the way to them on stderr, or with --json one object a line on stdout. */
export class Output {
  readonly isJson: boolean
  readonly isQuiet: boolean
  /** Colours of what goes to stdout. */
  readonly paint: Paint
  readonly #errorPaint: Paint
  #hasStatus = false

  constructor(
    readonly streams: Streams,
    { json = false, quiet = false, color = true }: CommonOptions = {},
  ) {
    this.isJson = json
    this.isQuiet = quiet
    this.paint = paintFor(streams.stdout, color)
    this.#errorPaint = paintFor(streams.stderr, color)
  }

  /** Cells of a line of results. */
  get width(): number {
    return Math.min(this.streams.stdout.columns || PIPE_COLUMNS, MOST_COLUMNS)
  }

  /** Whether a line of stderr may be drawn anew. */
  get isLive(): boolean {
    return isTerminal(this.streams.stderr) && !this.isJson && !this.isQuiet
  }

  /** A line of the result; none with --json. */
  line(text = ''): void {
    this.piece(`${text}\n`)
  }

  /** A piece of a result that is still coming. */
  piece(text: string): void {
    if (this.isJson) return
    this.endStatus()
    this.streams.stdout.write(text)
  }

  /** One object of --json. */
  event(event: CliEvent): void {
    if (this.isJson) this.streams.stdout.write(`${JSON.stringify(event)}\n`)
  }

  /** A line on what is going on. */
  note(text: string): void {
    if (this.isJson || this.isQuiet) return
    this.endStatus()
    this.streams.stderr.write(`${text}\n`)
  }

  /** Something that is amiss although the work goes on. */
  warn(message: string): void {
    this.event({ type: 'warning', message })
    if (this.isJson) return
    this.endStatus()
    this.streams.stderr.write(`${this.#errorPaint.yellow('warning:')} ${message}\n`)
  }

  /** What is going on now: one line of a terminal that is drawn anew; nothing elsewhere. */
  status(text: string): void {
    if (!this.isLive) return
    const { stderr } = this.streams
    stderr.write(`${CLEAR_LINE}${this.#errorPaint.dim(text.slice(0, (stderr.columns || 80) - 1))}`)
    this.#hasStatus = true
  }

  /** Takes the line of `status` away. */
  endStatus(): void {
    if (this.#hasStatus) this.streams.stderr.write(CLEAR_LINE)
    this.#hasStatus = false
  }

  /** Why it failed. */
  fail(text: string): void {
    if (this.isJson) return
    this.endStatus()
    this.streams.stderr.write(`${this.#errorPaint.red('llft:')} ${text}\n`)
  }

  /** What to do next; on stderr, so that a result can be piped. */
  next(...steps: readonly NextStep[]): void {
    if (this.isJson || this.isQuiet || steps.length === 0) return
    const width = Math.max(...steps.map(([command]) => command.length))
    const lines = steps.map(([command, what]) => `${command.padEnd(width)}  # ${what}`)
    this.note(`\n${lines.map((line) => this.#errorPaint.dim(line)).join('\n')}`)
  }
}
