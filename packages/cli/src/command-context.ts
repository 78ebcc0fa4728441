import type { Output } from './output.js'

/** What the work of a command gets. */
export interface CommandContext {
  readonly output: Output
  readonly args: readonly string[]
  /** Options of the command by their names. */
  readonly options: Readonly<Record<string, unknown>>
  /** Sets what `llft` ends with. */
  readonly exit: (code: number) => void
}
