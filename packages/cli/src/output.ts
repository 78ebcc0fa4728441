import pico from 'picocolors'
import type { CliEvent } from './cli-event.js'
import type { Streams } from './streams.js'

/** The options that every command takes. */
export interface CommonOptions {
  readonly json?: boolean
  readonly quiet?: boolean
  /** False with --no-color. */
  readonly color?: boolean
}

/** What a command says: results on stdout, the way to them on stderr, or with --json one object a line on stdout. */
export class Output {
  readonly isJson: boolean
  readonly isQuiet: boolean
  readonly paint: ReturnType<typeof pico.createColors>

  constructor(
    readonly streams: Streams,
    { json = false, quiet = false, color = true }: CommonOptions,
  ) {
    this.isJson = json
    this.isQuiet = quiet
    const colours = color && !process.env.NO_COLOR && streams.stdout.isTTY === true
    this.paint = pico.createColors(colours)
  }

  /** Columns of the terminal, or 100 where there is none. */
  get width(): number {
    return Math.min(this.streams.stdout.columns ?? 100, 140)
  }

  /** Whether a line may be drawn anew. */
  get isLive(): boolean {
    return this.streams.stderr.isTTY === true && !this.isJson && !this.isQuiet
  }

  /** A line of the result; not with --json. */
  line(text = ''): void {
    if (!this.isJson) this.streams.stdout.write(`${text}\n`)
  }

  /** A piece of a text that is still coming. */
  piece(text: string): void {
    if (!this.isJson) this.streams.stdout.write(text)
  }

  /** One object of --json. */
  event(event: CliEvent): void {
    if (this.isJson) this.streams.stdout.write(`${JSON.stringify(event)}\n`)
  }

  /** A line on what is going on. */
  note(text: string): void {
    if (!this.isJson && !this.isQuiet) this.streams.stderr.write(`${text}\n`)
  }

  /** What to do next. */
  next(...commands: readonly (readonly [command: string, what: string])[]): void {
    if (this.isJson || this.isQuiet) return
    const width = Math.max(...commands.map(([command]) => command.length))
    this.line()
    for (const [command, what] of commands) {
      this.line(`  ${this.paint.bold(command.padEnd(width))}  ${this.paint.dim(what)}`)
    }
  }

  /** Names and values below each other, the values aligned. */
  table(rows: readonly (readonly [name: string, value: string])[]): void {
    const width = Math.max(...rows.map(([name]) => name.length))
    for (const [name, value] of rows) {
      const [first = '', ...others] = value.split('\n')
      this.line(`${this.paint.dim(name.padEnd(width))}  ${first}`)
      for (const other of others) this.line(`${' '.repeat(width)}  ${other}`)
    }
  }
}
