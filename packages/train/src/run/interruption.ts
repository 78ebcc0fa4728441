import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Why a run was stopped: the reason of its AbortSignal. */
export class Interruption extends Error {
  constructor(readonly received: (typeof SIGNALS)[number]) {
    super(`The process received ${received}.`)
    this.name = 'Interruption'
  }

  /** What a process that ends by the signal exits with: 130 for SIGINT, 143 for SIGTERM. */
  get exitCode(): number {
    return 128 + constants.signals[this.received]
  }
}

/** One Ctrl-C under npx arrives twice: from the terminal, and passed on by npm. */
const SAME_REQUEST_MILLISECONDS = 500

/** Listens for the signals that ask a process to end: the first aborts, a later one ends the process at once. */
export class SignalListener {
  readonly #controller = new AbortController()
  #receivedAt = 0
  readonly #listen = (received: (typeof SIGNALS)[number]) => {
    const interruption = new Interruption(received)
    if (this.#controller.signal.aborted) {
      if (performance.now() - this.#receivedAt < SAME_REQUEST_MILLISECONDS) return
      process.exit(interruption.exitCode)
    }
    this.#receivedAt = performance.now()
    const again = received === 'SIGINT' ? 'Press Ctrl-C again' : `Send ${received} again`
    process.stderr.write(
      `\nllft: ${received}: finishing the step and saving. ${again} to end at once.\n`,
    )
    this.#controller.abort(interruption)
  }

  constructor() {
    for (const name of SIGNALS) process.on(name, this.#listen)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** What came; undefined while nothing has. */
  get interruption(): Interruption | undefined {
    return this.signal.reason instanceof Interruption ? this.signal.reason : undefined
  }

  close(): void {
    for (const name of SIGNALS) process.off(name, this.#listen)
  }
}
