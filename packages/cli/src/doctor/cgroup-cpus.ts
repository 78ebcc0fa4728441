import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * CPUs' worth of time that the groups of /proc/self/cgroup's text give below `root`, versions 1 and 2, such as 1.5; infinite
 * where none limits. In a container the paths may be those of the host, so the root itself is asked as well.
 */
export function cgroupCpuLimit(groups: string, root: string): number {
  let limit = Number.POSITIVE_INFINITY
  for (const line of groups.split('\n')) {
    const [id, controllers = '', path = '/'] = line.trim().split(':')
    const isV2 = id === '0' && controllers === ''
    if (!isV2 && !controllers.split(',').includes('cpu')) continue
    const names = path.split('/').filter((name) => name !== '')
    for (let depth = 0; depth <= names.length; depth++) {
      const group = names.slice(0, depth)
      limit = Math.min(
        limit,
        isV2 ? quotaV2(join(root, ...group)) : quotaV1(join(root, 'cpu', ...group)),
      )
    }
  }
  return limit
}

/** `cpu.max` holds `200000 100000`: microseconds of each period. */
function quotaV2(folder: string): number {
  const [quota = '', period = ''] = textOf(join(folder, 'cpu.max')).trim().split(' ')
  return share(quota, period)
}

function quotaV1(folder: string): number {
  return share(
    textOf(join(folder, 'cpu.cfs_quota_us')).trim(),
    textOf(join(folder, 'cpu.cfs_period_us')).trim(),
  )
}

/** 'max' and -1 mean that there is no limit. */
function share(quota: string, period: string): number {
  return /^\d+$/.test(quota) && Number(period) > 0
    ? Number(quota) / Number(period)
    : Number.POSITIVE_INFINITY
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
