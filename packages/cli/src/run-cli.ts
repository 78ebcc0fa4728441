import { CommanderError } from 'commander'
import { addCommands } from './command-list.js'
import { codeOf, EXIT, exitCodeOf } from './exit-codes.js'
import { Output } from './output.js'
import { createProgram } from './program.js'
import type { Streams } from './streams.js'

/**
 * Runs `llft` with these arguments. Nothing is thrown: an error becomes a message on stderr, or with --json an event.
 *
 * @returns the exit code; see EXIT
 */
export async function runCli(args: readonly string[], streams: Streams): Promise<number> {
  let exitCode: number = EXIT.done
  const output = new Output(streams, {
    json: args.includes('--json'),
    color: !args.includes('--no-color'),
  })
  const exit = (code: number): void => {
    exitCode = code
  }
  const program = createProgram({ streams, isJson: output.isJson, exit }, addCommands)
  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return endOfUsage(error, output)
    return endOfError(error, output)
  }
}

/** Commander has written its text already, but for --json. */
function endOfUsage({ exitCode, message }: CommanderError, output: Output): number {
  if (exitCode === 0) return EXIT.done
  const text = message.replace(/^error: /, '').replace(/\s+/g, ' ')
  output.event({ type: 'error', code: 'ERR_LLFT_USAGE', message: text, exitCode: EXIT.usage })
  return EXIT.usage
}

function endOfError(error: unknown, output: Output): number {
  const exitCode = exitCodeOf(error)
  const code = codeOf(error)
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  output.event({ type: 'error', code: code ?? 'ERR_LLFT_INTERNAL', message, exitCode })
  // What nobody foresaw is a mistake in LLFT: its place is wanted then.
  const wantsStack = process.env.LLFT_DEBUG || code === undefined
  output.fail((wantsStack && stack) || message)
  return exitCode
}
