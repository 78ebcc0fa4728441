/** The largest resident memory of the process since this was made. */
export class ResidentPeak {
  readonly #recordBefore = record()
  #sampled = process.memoryUsage.rss()

  /** Looks at the memory of now. */
  sample(): void {
    this.#sampled = Math.max(this.#sampled, process.memoryUsage.rss())
  }

  /** The system's record, if it was set meanwhile: it sees what samples miss. Else the largest sample. */
  get bytes(): number {
    this.sample()
    const now = record()
    return now > this.#recordBefore ? now : this.#sampled
  }
}

/** The largest resident memory of the process ever. */
function record(): number {
  return process.resourceUsage().maxRSS * 1024
}
