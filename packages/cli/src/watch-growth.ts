import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

const INTERVAL_MS = 250

/**
 * Tells now and then how many bytes the files of a folder have, those that are being written among them.
 *
 * @returns what ends it
 */
export function watchGrowth(folder: string, tell: (bytes: number) => void): () => void {
  let isOver = false
  const timer = setInterval(async () => {
    const bytes = await bytesIn(folder)
    if (!isOver && bytes > 0) tell(bytes)
  }, INTERVAL_MS)
  timer.unref()
  return () => {
    isOver = true
    clearInterval(timer)
  }
}

/** Files may come and go meanwhile. */
async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => [])
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (found) => found.size,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
