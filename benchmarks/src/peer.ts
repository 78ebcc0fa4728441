import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { peerLimit } from './peer-isa.js'

/** What a round of a peer took. */
export interface Round {
  /** In the unit of the bench: tokens, FLOPs, bytes. */
  work: number
  seconds: number
  /** Largest resident memory of its process so far, in bytes. */
  peakResident: number
}

/**
 * A process of ours or of a peer's that works only while it is asked to. It prints one JSON object when it is warm,
 * then a `Round` for each line of JSON that it reads, and ends with an empty line.
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
    return Peer.start(pythonProgram(), baselinePath(script), args, peerEnvironment())
  }

  /** `benchmarks/baselines/SCRIPT`, whose folder has a package.json of its own; resolves once it is warm. */
  static node(script: string, args: readonly string[]): Promise<Peer> {
    requirePackages(script)
    return Peer.start(process.execPath, baselinePath(script), args, peerEnvironment())
  }

  /** `SCRIPT` of this package; resolves once it is warm. */
  static ours(script: string, setting: unknown): Promise<Peer> {
    const path = fileURLToPath(new URL(script, import.meta.url))
    return Peer.start(process.execPath, path, [JSON.stringify(setting)], process.env)
  }

  private static async start(
    program: string,
    script: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv,
  ): Promise<Peer> {
    const child = spawn(program, [script, ...args], {
      stdio: ['pipe', 'pipe', process.env.LLFT_BENCH_VERBOSE ? 'inherit' : 'ignore'],
      env,
    })
    const peer = new Peer(child, createInterface({ input: child.stdout! }), script)
    peer.about = await peer.#next()
    return peer
  }

  /** The versions among what it said of itself: whatever is text. */
  get versions(): Readonly<Record<string, string>> {
    const texts = Object.entries(this.about).filter(([, value]) => typeof value === 'string')
    return Object.fromEntries(texts) as Record<string, string>
  }

  async ask(request: unknown): Promise<Round> {
    this.child.stdin!.write(`${JSON.stringify(request)}\n`)
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

/** Of a peer: it works offline, and with the instructions that ours uses. */
export function peerEnvironment(): NodeJS.ProcessEnv {
  const quiet = { HF_HUB_OFFLINE: '1', TRANSFORMERS_VERBOSITY: 'error' }
  return { ...process.env, ...quiet, ...peerLimit()?.environment }
}

/** @throws where the packages that a baseline in JavaScript needs are not installed. */
export function requirePackages(script: string): void {
  const folder = dirname(baselinePath(script))
  if (existsSync(join(folder, 'node_modules'))) return
  throw new Error(
    `bench: --baseline needs the packages of ${folder}; got none. Run npm install --prefix ${folder}`,
  )
}

/** @throws where LLFT_PYTHON is not set. */
export function pythonProgram(): string {
  const python = process.env.LLFT_PYTHON
  if (python) return python
  throw new Error(
    `bench: --baseline needs LLFT_PYTHON, a Python with benchmarks/baselines/requirements.txt installed.`,
  )
}

export function baselinePath(script: string): string {
  return fileURLToPath(new URL(`../baselines/${script}`, import.meta.url))
}
