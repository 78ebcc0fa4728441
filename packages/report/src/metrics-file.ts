import { type FileHandle, open, readFile } from 'node:fs/promises'
import { writeFileAtomic } from '@llft/safetensors'

/** A line of metrics: an event with its type, and whatever it has. */
export interface MetricsRecord {
  readonly type: string
  readonly step?: number | undefined
  readonly [name: string]: unknown
}

/** Figures of a run as JSON lines. */
export class MetricsFile {
  #waiting = ''
  #writing: Promise<void> = Promise.resolve()

  private constructor(private readonly handle: FileHandle) {}

  /**
   * Opens the file of a run that begins, or goes on after step `keepThrough`: lines of later steps, and a last one that is in
   * parts, are taken out first.
   */
  static async open(path: string, keepThrough = 0): Promise<MetricsFile> {
    const before = keepThrough === 0 ? [] : await readMetrics(path)
    const kept = before.filter(({ step = 0 }) => step <= keepThrough)
    await writeFileAtomic(path, kept.map((line) => `${JSON.stringify(line)}\n`).join(''))
    return new MetricsFile(await open(path, 'a'))
  }

  append(record: MetricsRecord): void {
    this.#waiting += `${JSON.stringify(record)}\n`
  }

  /** Hands what waits to the system. */
  flush(): Promise<void> {
    const lines = this.#waiting
    this.#waiting = ''
    this.#writing = this.#writing.then(async () => {
      if (lines !== '') await this.handle.appendFile(lines)
    })
    return this.#writing
  }

  async close(): Promise<void> {
    await this.flush()
    await this.handle.close()
  }
}

/** The lines of a file of metrics; one that a killed process left in parts is passed over, a missing file is empty. */
export async function readMetrics(path: string): Promise<MetricsRecord[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as MetricsRecord]
    } catch {
      return []
    }
  })
}
