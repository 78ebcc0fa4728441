/** Holds text back while it may turn out to be the start of a stop string. */
export class StopBuffer {
  #held = ''

  constructor(private readonly stops: readonly string[]) {}

  /** The text that is safe to show, and whether a stop string came, which is left out with all that follows it. */
  push(text: string): { text: string; stopped: boolean } {
    const all = this.#held + text
    const found = firstOf(all, this.stops)
    if (found >= 0) {
      this.#held = ''
      return { text: all.slice(0, found), stopped: true }
    }
    const keep = longestStart(all, this.stops)
    this.#held = all.slice(all.length - keep)
    return { text: all.slice(0, all.length - keep), stopped: false }
  }

  /** What was held back, at the end of the text. */
  flush(): string {
    const rest = this.#held
    this.#held = ''
    return rest
  }
}

function firstOf(text: string, stops: readonly string[]): number {
  const places = stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0)
  return places.length === 0 ? -1 : Math.min(...places)
}

/** Length of the longest end of `text` that a stop string starts with. */
function longestStart(text: string, stops: readonly string[]): number {
  let longest = 0
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length
    }
  }
  return longest
}
