import { execFile } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { availableParallelism, cpus, freemem, tmpdir, totalmem } from 'node:os'
import { promisify } from 'node:util'
import { deviceInfo, type MachinePeak, measureMachinePeak } from '@llft/runtime'
import { cgroupMemoryLimit, memoryLimit } from '@llft/train'
import { cgroupCpuLimit } from './cgroup-cpus.js'
import { loadedAddon } from './loaded-addon.js'

/** The addon as it loaded, or why it did not. */
export type AddonFacts =
  | {
      /** Undefined where the system does not say. */
      readonly file: string | undefined
      /** Kernels in use, such as 'avx2'. */
      readonly isa: string
      /** Every instruction set that it has and the machine can run. */
      readonly isas: readonly string[]
      readonly threads: number
      readonly peak: MachinePeak
    }
  | { readonly error: string }

/** What the doctor looks at; sizes in bytes. */
export interface Machine {
  readonly platform: string
  readonly nodeVersion: string
  readonly cpu: { readonly model: string; readonly logical: number; readonly usable: number }
  /** CPUs' worth of time that the control group gives; infinite where it does not limit. */
  readonly cpuLimit: number
  readonly memory: {
    readonly total: number
    readonly free: number
    /** What the control group allows; infinite where it does not limit. */
    readonly groupLimit: number
    /** What a process may hold now. */
    readonly usable: number
  }
  readonly disks: readonly DiskFacts[]
  readonly addon: AddonFacts
  /** Lines of nvidia-smi, a GPU each. */
  readonly gpus: readonly string[]
  /** Variables of LLFT that are set, such as LLFT_ISA. */
  readonly variables: Readonly<Record<string, string>>
}

export interface DiskFacts {
  /** 'working directory' or 'temporary files'. */
  readonly what: string
  readonly path: string
  readonly free: number
  readonly isWritable: boolean
}

/** Looks at this machine; takes about a second, for the speed of it. */
export async function readMachine(): Promise<Machine> {
  const processors = cpus()
  const groups = textOf('/proc/self/cgroup')
  return {
    platform: `${process.platform} ${process.arch}`,
    nodeVersion: process.versions.node,
    cpu: {
      model: (processors[0]?.model ?? 'unknown').replace(/\s+/g, ' ').trim(),
      logical: processors.length,
      usable: availableParallelism(),
    },
    cpuLimit: cgroupCpuLimit(groups, '/sys/fs/cgroup'),
    memory: {
      total: totalmem(),
      free: freemem(),
      groupLimit: cgroupMemoryLimit(groups, '/sys/fs/cgroup'),
      usable: memoryLimit(),
    },
    disks: await Promise.all([
      diskFacts('working directory', process.cwd()),
      diskFacts('temporary files', tmpdir()),
    ]),
    addon: await addonFacts(),
    gpus: await readGpus(),
    variables: Object.fromEntries(
      Object.entries(process.env)
        .filter(([name]) => name.startsWith('LLFT_'))
        .map(([name, value]) => [name, value ?? '']),
    ),
  }
}

async function addonFacts(): Promise<AddonFacts> {
  try {
    const { isa, isas, threads } = deviceInfo()
    return { file: loadedAddon(), isa, isas, threads, peak: await measureMachinePeak() }
  } catch (error) {
    return { error: (error as Error).message }
  }
}

async function diskFacts(what: string, path: string): Promise<DiskFacts> {
  const found = await statfs(path).catch(() => undefined)
  const free = found === undefined ? 0 : found.bavail * found.bsize
  return { what, path, free, isWritable: isWritable(path) }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Without a GPU of NVIDIA there is no such program. */
async function readGpus(): Promise<string[]> {
  const query = ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader']
  const run = promisify(execFile)('nvidia-smi', query, { timeout: 5000 })
  const { stdout } = await run.catch(() => ({ stdout: '' }))
  return stdout.split('\n').filter((line) => line.trim() !== '')
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
