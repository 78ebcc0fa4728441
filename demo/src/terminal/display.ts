import { StatusLine } from './status-line.js'

/** Where the demo shows what it does. */
export interface Display {
  /** A line that stays. */
  line(text: string): void
  /** What is going on now. */
  status(text: string): void
  /** Takes the place of the status, and stays. */
  settle(text: string): void
}

/** Shows it on stdout. */
export function stdoutDisplay(): Display {
  const status = new StatusLine()
  return {
    line: (text) => console.log(text),
    status: (text) => status.update(text),
    settle: (text) => status.finish(text),
  }
}
