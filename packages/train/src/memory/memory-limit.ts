import { readFileSync } from 'node:fs'
import { freemem, totalmem } from 'node:os'
import { join } from 'node:path'

/**
 * Bytes that this process may hold: what its control groups allow, but no more than it holds already and what the
 * machine has free, with the caches that it would give back.
 */
export function memoryLimit(): number {
  const groups = textOf('/proc/self/cgroup')
  const available = process.memoryUsage.rss() + freemem()
  return Math.min(totalmem(), available, cgroupMemoryLimit(groups, '/sys/fs/cgroup'))
}

/**
 * Bytes that the groups of /proc/self/cgroup's text allow below `root`, versions 1 and 2; infinite where none limits.
 * In a container the paths may be those of the host, so the root itself is asked as well.
 */
export function cgroupMemoryLimit(groups: string, root: string): number {
  let limit = Number.POSITIVE_INFINITY
  for (const line of groups.split('\n')) {
    const [id, controllers = '', path = '/'] = line.trim().split(':')
    const v2 = id === '0' && controllers === ''
    if (!v2 && !controllers.split(',').includes('memory')) continue
    const [base, file] = v2 ? [root, 'memory.max'] : [join(root, 'memory'), 'memory.limit_in_bytes']
    const names = path.split('/').filter((name) => name !== '')
    for (let depth = 0; depth <= names.length; depth++) {
      const text = textOf(join(base, ...names.slice(0, depth), file)).trim()
      // 'max' and version 1's huge number mean that there is no limit.
      if (/^\d+$/.test(text)) limit = Math.min(limit, Number(text))
    }
  }
  return limit
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
