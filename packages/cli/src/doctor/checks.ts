import { formatBytes } from '@llft/train'
import type { DoctorCheck } from '../cli-event.js'
import type { AddonFacts, DiskFacts, Machine } from './machine.js'

/** The oldest Node that is supported. */
const LEAST_NODE = [20, 19] as const
/** Bytes in which a model of 135 million parameters is fine-tuned; there is none that takes less and is of use. */
const LEAST_MEMORY = 1.5e9
/** Bytes in which one of 1 to 2 billion is, in 4 bits. */
const LITTLE_MEMORY = 6e9
/** Bytes of a checkpoint with its successor beside it. */
const LITTLE_DISK = 2e9
const LEAST_DISK = 100e6

/** What is to be said of a machine: what is, whether it will do, and what to do about it. */
export function checksOf(machine: Machine): DoctorCheck[] {
  return [
    nodeCheck(machine),
    cpuCheck(machine),
    threadsCheck(machine),
    ...addonChecks(machine.addon, machine.platform),
    memoryCheck(machine),
    ...machine.disks.map(diskCheck),
    gpuCheck(machine),
    ...variablesCheck(machine),
  ]
}

function nodeCheck({ nodeVersion, platform }: Machine): DoctorCheck {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number)
  const isOld = major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1])
  const advice = `Install Node ${LEAST_NODE.join('.')} or later.`
  return check('Node', isOld ? 'problem' : 'ok', `${nodeVersion} on ${platform}`, isOld && advice)
}

function cpuCheck({ cpu, addon }: Machine): DoctorCheck {
  if ('error' in addon) return check('CPU', 'ok', cpu.model)
  const isSlow = addon.isa === 'portable'
  const [best = addon.isa] = addon.isas
  const more = best === addon.isa ? '' : `, though ${best} is there (LLFT_ISA)`
  return check(
    'CPU',
    isSlow ? 'warning' : 'ok',
    `${cpu.model}, ${addon.isa}${more}`,
    isSlow &&
      'It has none of AVX2, AVX-512 and NEON, so training will be slow. Take another machine.',
  )
}

function threadsCheck({ cpu, cpuLimit, addon }: Machine): DoctorCheck {
  const used = 'error' in addon ? cpu.usable : addon.threads
  const counts = `${used} in use, ${cpu.logical} logical CPUs`
  const limited = Number.isFinite(cpuLimit)
    ? `, the container gives time of ${round(cpuLimit)}`
    : ''
  const isOver = used > Math.ceil(cpuLimit)
  const advice = `More threads than CPUs wait for each other. Set LLFT_THREADS=${Math.max(1, Math.floor(cpuLimit))}, or raise the container's limit of CPUs.`
  return check('threads', isOver ? 'warning' : 'ok', counts + limited, isOver && advice)
}

function addonChecks(addon: AddonFacts, platform: string): DoctorCheck[] {
  if ('error' in addon) {
    const advice = `Nothing that computes works without it. Where a binary package of ${platform} is published, npm install without --omit=optional brings it.`
    return [check('addon', 'problem', `does not load: ${addon.error}`, advice)]
  }
  const { float32, bfloat16, bandwidth } = addon.peak
  const flops = (value: number) => `${Math.round(value / 1e9)} GFLOP/s`
  return [
    check('addon', 'ok', addon.file ?? 'loaded'),
    check(
      'speed',
      'ok',
      `${flops(float32)} in float32, ${flops(bfloat16)} in bfloat16, reads ${round(bandwidth / 1e9)} GB/s`,
    ),
  ]
}

function memoryCheck({ memory: { total, free, groupLimit, usable } }: Machine): DoctorCheck {
  // Version 1 writes a huge number where there is no limit.
  const limit = groupLimit < total ? `, the container allows ${formatBytes(groupLimit)}` : ''
  const value = `${formatBytes(usable)} usable now; ${formatBytes(free)} of ${formatBytes(total)} free${limit}`
  if (usable < LEAST_MEMORY) {
    const advice = `The smallest models take ${formatBytes(LEAST_MEMORY)}. End other programs, or raise the limit of the container.`
    return check('memory', 'warning', value, advice)
  }
  const advice =
    'Enough for models of some 100 million parameters. For larger ones load the base in 4 bits (quantization nf4).'
  return check('memory', 'ok', value, usable < LITTLE_MEMORY && advice)
}

function diskCheck({ what, path, free, isWritable }: DiskFacts): DoctorCheck {
  const value = `${formatBytes(free)} free in ${path}`
  if (!isWritable) {
    return check(what, 'problem', `cannot be written to: ${path}`, 'Work in a folder of your own.')
  }
  if (free < LEAST_DISK) return check(what, 'problem', value, 'Nothing can be saved. Make room.')
  const advice = `Checkpoints and merged models may not fit. Make room, or write to another disk.`
  return check(what, free < LITTLE_DISK ? 'warning' : 'ok', value, free < LITTLE_DISK && advice)
}

function gpuCheck({ gpus }: Machine): DoctorCheck {
  if (gpus.length === 0) return check('GPU', 'ok', 'none of NVIDIA; none is needed')
  const advice = 'CUDA is not supported yet: training and generation use the CPU.'
  return check('GPU', 'warning', gpus.join('\n'), advice)
}

function variablesCheck({ variables }: Machine): DoctorCheck[] {
  const set = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
  return set.length === 0 ? [] : [check('environment', 'ok', set.join(' '))]
}

function check(
  name: string,
  state: DoctorCheck['state'],
  value: string,
  advice: string | false = '',
): DoctorCheck {
  return { name, state, value, advice: advice || '' }
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10)
}
