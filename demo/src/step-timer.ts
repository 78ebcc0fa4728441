/** The first steps touch memory for the first time and say little of the rest. */
const WARM_UP_STEPS = 2
const LEAST_STEPS = 4
/** Either will do, on slow machines and on fast ones. */
const ENOUGH_SECONDS = 2
const ENOUGH_STEPS = 50

/** The pace of a run: seconds a token, as steps differ in tokens. */
export class StepTimer {
  #steps = 0
  #tokens = 0
  #startedAt = 0
  #seconds = 0

  /** Notes that a step of `tokens` tokens has ended at `now`, in seconds on any clock. */
  step(tokens: number, now: number): void {
    this.#steps++
    if (this.#steps <= WARM_UP_STEPS) {
      this.#startedAt = now
      return
    }
    this.#tokens += tokens
    this.#seconds = now - this.#startedAt
  }

  /** Whether what was seen is worth a forecast. */
  get isEnough(): boolean {
    const steps = this.#steps - WARM_UP_STEPS
    return steps >= LEAST_STEPS && (this.#seconds >= ENOUGH_SECONDS || steps >= ENOUGH_STEPS)
  }

  get secondsPerToken(): number {
    return this.#seconds / this.#tokens
  }
}
