import { CommanderError } from 'commander'
import { EXIT, exitCodeOf } from './exit-codes.js'
import { Output } from './output.js'
import { createProgram } from './program.js'
import type { Streams } from './streams.js'

/**
 * Runs `llft` with these arguments.
 *
 * @returns the exit code; see EXIT
 */
export async function runCli(args: readonly string[], streams: Streams): Promise<number> {
  let code: number = EXIT.done
  const program = createProgram(streams, (other) => {
    code = other
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
    const exitCode = exitCodeOf(error)
    tell(error, exitCode, new Output(streams, { json: args.includes('--json') }))
    return exitCode
  }
}

function tell(error: unknown, exitCode: number, output: Output): void {
  const { message, code = 'ERR_LLFT_INTERNAL', stack } = error as Error & { code?: string }
  output.event({ type: 'error', code, message, exitCode })
  if (output.isJson) return
  // What is no error of ours is one in LLFT: its place is wanted then.
  const isOurs = String(code).startsWith('ERR_LLFT_') && code !== 'ERR_LLFT_INTERNAL'
  const isSystem = /^E[A-Z]+$/.test(String(code))
  const text = process.env.LLFT_DEBUG || !(isOurs || isSystem) ? stack : message
  output.streams.stderr.write(`llft: ${text}\n`)
}
