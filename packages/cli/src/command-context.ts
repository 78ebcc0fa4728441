import type { Output } from './output.js'

/** What the work of a command gets. */
export interface CommandContext {
  readonly output: Output
  readonly args: readonly string[]
  /** Options of the command by their names in camelCase, checked as the command declares them. */
  readonly options: Readonly<Record<string, unknown>>
  /** Sets what `llft` ends with, where it is not 0; see EXIT. */
  readonly exit: (code: number) => void
}

/** The work of a command. What it throws becomes a message and an exit code. */
export type CommandWork = (context: CommandContext) => Promise<void>
