import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** What a round of a peer took. */
export interface Round {
  tokens: number
  seconds: number
  /** Largest resident memory of its process so far, in bytes. */
  peakResident: number
}

/**
 * A training loop in a process of its own, ours or a peer's, which works only while it is asked to. It prints one JSON
 * object when it is warm, then one for each number of steps that it reads.
 */
export class Peer {
  readonly #lines: AsyncIterator<string>

  /** What the process said of itself once it was warm. */
  about: Readonly<Record<string, unknown>> = {}

  private constructor(
    private readonly child: ChildProcess,
    private readonly reader: Interface,
    private readonly script: string,
  ) {
    this.#lines = reader[Symbol.asyncIterator]()
  }

  /** `benchmarks/baselines/SCRIPT` with the Python that LLFT_PYTHON names; resolves once it is warm. */
  static python(script: string, args: readonly string[]): Promise<Peer> {
    const python = process.env.LLFT_PYTHON
    if (!python) {
      throw new Error(
        `bench: --baseline needs LLFT_PYTHON, a Python with benchmarks/baselines/requirements.txt installed.`,
      )
    }
    return Peer.start(
      python,
      fileURLToPath(new URL(`../baselines/${script}`, import.meta.url)),
      args,
    )
  }

  /** `train-worker.js` of this package; resolves once it is warm. */
  static ours(args: readonly string[]): Promise<Peer> {
    return Peer.start(
      process.execPath,
      fileURLToPath(new URL('train-worker.js', import.meta.url)),
      args,
    )
  }

  private static async start(
    program: string,
    script: string,
    args: readonly string[],
  ): Promise<Peer> {
    const child = spawn(program, [script, ...args], {
      stdio: ['pipe', 'pipe', process.env.LLFT_BENCH_VERBOSE ? 'inherit' : 'ignore'],
      env: { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_VERBOSITY: 'error' },
    })
    const peer = new Peer(child, createInterface({ input: child.stdout! }), script)
    peer.about = await peer.#next()
    return peer
  }

  /** Runs `steps` steps. */
  async run(steps: number): Promise<Round> {
    this.child.stdin!.write(`${steps}\n`)
    return (await this.#next()) as unknown as Round
  }

  stop(): void {
    this.child.stdin!.end('\n')
    this.reader.close()
  }

  async #next(): Promise<Record<string, unknown>> {
    const { value, done } = await this.#lines.next()
    if (done)
      throw new Error(`bench: ${this.script} ended early; see why with LLFT_BENCH_VERBOSE=1.`)
    return JSON.parse(value) as Record<string, unknown>
  }
}
