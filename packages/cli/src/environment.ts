import { createRequire } from 'node:module'
import { cpus, release, totalmem, type } from 'node:os'
import { deviceInfo } from '@llft/runtime'
import { formatBytes } from '@llft/train'

/** Machine and software of a run. */
export function environmentFacts(): Record<string, string> {
  const { isa, threads } = deviceInfo()
  const all = cpus()
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string }
  return {
    processor: `${all[0]?.model.trim() ?? process.arch}, ${all.length} threads`,
    kernels: `${isa}, ${threads} threads`,
    memory: formatBytes(totalmem()),
    system: `${type()} ${release()}`,
    'Node.js': process.version,
    LLFT: version,
  }
}
