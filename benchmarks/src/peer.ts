import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A peer's training loop in a process of its own, which works only while it is asked to. */
export class PythonPeer {
  readonly #lines: AsyncIterator<string>

  private constructor(
    private readonly child: ChildProcess,
    private readonly reader: Interface,
    readonly script: string,
  ) {
    this.#lines = reader[Symbol.asyncIterator]()
  }

  /**
   * Starts `benchmarks/baselines/SCRIPT` with the Python that LLFT_PYTHON names and waits until it is warm.
   * @returns the peer and what it says of itself (versions, threads)
   */
  static async start(
    script: string,
    args: string[],
  ): Promise<{ peer: PythonPeer; about: Record<string, unknown> }> {
    const python = process.env.LLFT_PYTHON
    if (!python) {
      throw new Error(
        `bench: --baseline needs LLFT_PYTHON, a Python with benchmarks/baselines/requirements.txt installed.`,
      )
    }
    const path = fileURLToPath(new URL(`../baselines/${script}`, import.meta.url))
    const child = spawn(python, [path, ...args], {
      stdio: ['pipe', 'pipe', process.env.LLFT_BENCH_VERBOSE ? 'inherit' : 'ignore'],
      env: { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_VERBOSITY: 'error' },
    })
    const peer = new PythonPeer(child, createInterface({ input: child.stdout! }), script)
    return { peer, about: await peer.#next() }
  }

  /** Runs `steps` steps. @returns tokens per second */
  async run(steps: number): Promise<number> {
    this.child.stdin!.write(`${steps}\n`)
    const { tokens, seconds } = (await this.#next()) as { tokens: number; seconds: number }
    return tokens / seconds
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
