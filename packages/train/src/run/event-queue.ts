/** Events for one reader who takes them at a pace of its own. */
export class EventQueue<E> implements AsyncIterator<E, undefined> {
  readonly #waiting: E[] = []
  #wake: () => void = () => undefined
  #isOver = false

  /**
   * @param outcome rejects where the source failed: the reader gets that after the last event
   * @param leave called when the reader wants no more
   */
  constructor(
    private readonly outcome: Promise<unknown>,
    private readonly leave: () => void,
  ) {}

  push(event: E): void {
    this.#waiting.push(event)
    this.#wake()
  }

  end(): void {
    this.#isOver = true
    this.#wake()
  }

  async next(): Promise<IteratorResult<E, undefined>> {
    while (this.#waiting.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const value = this.#waiting.shift()
    if (value !== undefined) return { done: false, value }
    await this.outcome
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<E, undefined>> {
    this.end()
    this.#waiting.length = 0
    this.leave()
    return { done: true, value: undefined }
  }
}
