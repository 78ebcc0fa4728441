import { execFile } from 'node:child_process'
import { statfs } from 'node:fs/promises'
import { cpus, freemem, tmpdir, totalmem } from 'node:os'
import { promisify } from 'node:util'
import { LlftError } from '@llft/errors'
import { deviceInfo } from '@llft/runtime'
import { formatBytes, memoryLimit } from '@llft/train'
import type { DoctorCheck } from '../cli-event.js'
import type { CommandContext } from '../command-context.js'

/** Memory below which not even the smallest models train. */
const LEAST_MEMORY = 1e9
const LEAST_DISK = 2e9

/** `llft doctor` */
export async function doctor({ output, exit }: CommandContext): Promise<void> {
  const checks = [
    node(),
    processor(),
    ...addon(),
    memory(),
    await disk('.'),
    await disk(tmpdir()),
    await gpu(),
  ]
  const marks = {
    ok: output.paint.green('ok     '),
    warning: output.paint.yellow('warning'),
    problem: output.paint.red('problem'),
  }
  const width = Math.max(...checks.map(({ name }) => name.length))
  for (const check of checks) {
    output.event({ type: 'check', ...check })
    output.line(`${marks[check.state]}  ${check.name.padEnd(width)}  ${check.value}`)
    if (check.advice !== '')
      output.line(`${' '.repeat(width + 11)}${output.paint.dim(check.advice)}`)
  }
  if (checks.some(({ state }) => state === 'problem')) exit(1)
  else output.next(['llft init', 'write a configuration for this machine'])
}

function node(): DoctorCheck {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isRight = major > 20 || (major === 20 && minor >= 19)
  return {
    name: 'Node.js',
    state: isRight ? 'ok' : 'problem',
    value: process.version,
    advice: isRight ? '' : 'Install Node.js 20.19 or newer.',
  }
}

function processor(): DoctorCheck {
  const all = cpus()
  return {
    name: 'processor',
    state: 'ok',
    value: `${all[0]?.model.trim() ?? process.arch}, ${all.length} threads`,
    advice: '',
  }
}

function addon(): DoctorCheck[] {
  try {
    const { isa, isas, threads } = deviceInfo()
    const slow = isa === 'portable' || isa === 'scalar'
    return [
      {
        name: 'kernels',
        state: slow ? 'warning' : 'ok',
        value: `${isa} of ${isas.join(', ')}, with ${threads} threads`,
        advice: slow ? 'This processor has no AVX2: training works, and is slow.' : '',
      },
    ]
  } catch (error) {
    const message = error instanceof LlftError ? error.message : String(error)
    return [
      {
        name: 'kernels',
        state: 'problem',
        value: 'the native addon does not load',
        advice: message,
      },
    ]
  }
}

function memory(): DoctorCheck {
  const limit = memoryLimit()
  const isLimited = limit < Math.min(totalmem(), freemem() + process.memoryUsage.rss()) * 0.99
  const value = `${formatBytes(limit)} for this process; ${formatBytes(freemem())} free of ${formatBytes(totalmem())}`
  const isEnough = limit >= LEAST_MEMORY
  const group = isLimited ? 'Its control group (container) allows no more.' : ''
  return {
    name: 'memory',
    state: isEnough ? 'ok' : 'problem',
    value,
    advice: isEnough
      ? group
      : `Even small models want ${formatBytes(LEAST_MEMORY)}. ${group}`.trim(),
  }
}

async function disk(folder: string): Promise<DoctorCheck> {
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const isEnough = free >= LEAST_DISK
  return {
    name: folder === '.' ? 'disk here' : `disk of ${folder}`,
    state: isEnough ? 'ok' : 'warning',
    value: `${formatBytes(free)} free`,
    advice: isEnough ? '' : 'Checkpoints need room: write runs to another disk (output).',
  }
}

async function gpu(): Promise<DoctorCheck> {
  const query = ['--query-gpu=name,memory.total', '--format=csv,noheader']
  const found = await promisify(execFile)('nvidia-smi', query).then(
    ({ stdout }) => stdout.trim().replaceAll('\n', '; '),
    () => undefined,
  )
  return {
    name: 'GPU',
    state: 'ok',
    value: found ?? 'none found',
    advice: found === undefined ? '' : 'This version trains on the processor; the GPU is not used.',
  }
}
