/** One line that is rewritten while work goes on; on a pipe or in CI, a plain line now and then. */
export class StatusLine {
  readonly #live: boolean
  #printed = 0

  /** @param everyMs how often a plain line is printed where rewriting is not possible. Default 10 s. */
  constructor(
    private readonly out: NodeJS.WriteStream = process.stdout,
    private readonly everyMs = 10_000,
  ) {
    this.#live = out.isTTY === true && !process.env.CI && process.env.TERM !== 'dumb'
  }

  update(text: string): void {
    if (this.#live) {
      this.out.write(`\r\u001b[K${text.slice(0, (this.out.columns ?? 80) - 1)}`)
    } else if (Date.now() - this.#printed >= this.everyMs) {
      this.#printed = Date.now()
      this.out.write(`${text}\n`)
    }
  }

  /** Replaces the line by a last one that stays. */
  finish(text: string): void {
    this.out.write(this.#live ? `\r\u001b[K${text}\n` : `${text}\n`)
  }
}

/** 75 -> "1:15". */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}
