import { PassThrough } from 'node:stream'
import type { CliEvent } from '../src/index.js'
import { runCli } from '../src/index.js'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** The lines of stdout with --json. */
  readonly events: readonly CliEvent[]
}

export interface RunSettings {
  /** What stands on stdin, which then ends. */
  readonly stdin?: string
  /** Columns of a terminal; without it, stdout and stderr are pipes. */
  readonly terminalColumns?: number
}

/** Runs `llft` in this process. */
export async function run(args: readonly string[], settings: RunSettings = {}): Promise<Ran> {
  const { stdin = '', terminalColumns: columns } = settings
  const input = new PassThrough()
  input.end(stdin)
  const [stdout, stderr] = [new Collected(columns), new Collected(columns)]
  const code = await runCli(args, { stdin: input, stdout, stderr })
  const lines = args.includes('--json') ? stdout.text.split('\n').filter(Boolean) : []
  const events = lines.map((line) => JSON.parse(line) as CliEvent)
  return { code, stdout: stdout.text, stderr: stderr.text, events }
}

class Collected {
  text = ''
  readonly isTTY: boolean
  readonly rows = 24

  constructor(readonly columns = 0) {
    this.isTTY = columns > 0
  }

  write(text: string): void {
    this.text += text
  }
}
