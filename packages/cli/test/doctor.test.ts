import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { DoctorCheck } from '../src/cli-event.js'
import { examine } from '../src/commands/doctor.js'
import { cgroupCpuLimit } from '../src/doctor/cgroup-cpus.js'
import { checksOf } from '../src/doctor/checks.js'
import type { Machine } from '../src/doctor/machine.js'
import { Output } from '../src/output.js'
import { run } from './run.js'

const MACHINE: Machine = {
  platform: 'linux x64',
  nodeVersion: '22.1.0',
  cpu: { model: 'Some CPU', logical: 8, usable: 8 },
  cpuLimit: Number.POSITIVE_INFINITY,
  memory: { total: 32e9, free: 20e9, groupLimit: Number.POSITIVE_INFINITY, usable: 20e9 },
  disks: [{ what: 'working directory', path: '/home/me', free: 50e9, isWritable: true }],
  addon: {
    file: '/lib/llft.node',
    isa: 'avx2',
    isas: ['avx2', 'portable'],
    threads: 8,
    peak: { float32: 2e11, bfloat16: 1e11, bandwidth: 2.55e10 },
  },
  gpus: [],
  variables: {},
}

function checkOf(name: string, change: Partial<Machine>): DoctorCheck {
  return checksOf({ ...MACHINE, ...change }).find((check) => check.name === name) as DoctorCheck
}

describe('the doctor', () => {
  test('has nothing to say of a machine that will do', () => {
    const checks = checksOf(MACHINE)
    expect(checks.every(({ state, advice }) => state === 'ok' && advice === '')).toBe(true)
    expect(checkOf('speed', {}).value).toBe(
      '200 GFLOP/s in float32, 100 GFLOP/s in bfloat16, reads 25.5 GB/s',
    )
  })

  test.each([
    ['Node', { nodeVersion: '20.18.3' }, 'problem', /Install Node 20.19/],
    ['Node', { nodeVersion: '18.20.0' }, 'problem', /Install Node/],
    ['addon', { addon: { error: 'no such file' } }, 'problem', /without --omit=optional/],
    ['threads', { cpuLimit: 1.5 }, 'warning', /LLFT_THREADS=1/],
    ['memory', { memory: { ...MACHINE.memory, usable: 1e9 } }, 'warning', /End other programs/],
    ['memory', { memory: { ...MACHINE.memory, usable: 4e9 } }, 'ok', /in 4 bits/],
    ['GPU', { gpus: ['NVIDIA H100, 81559 MiB'] }, 'warning', /CUDA is not supported yet/],
  ] as [string, Partial<Machine>, string, RegExp][])(
    '%s with %j: %s',
    (name, change, state, advice) => {
      const check = checkOf(name, change)
      expect(check.state).toBe(state)
      expect(check.advice).toMatch(advice)
    },
  )

  test.each([
    [{ free: 1e9 }, 'warning'],
    [{ free: 1e6 }, 'problem'],
    [{ isWritable: false }, 'problem'],
  ])('a disk with %j is a %s', (change, state) => {
    const disks = [{ ...(MACHINE.disks[0] as Machine['disks'][0]), ...change }]
    expect(checkOf('working directory', { disks }).state).toBe(state)
  })

  test('shows limits of containers, lower instruction sets and variables', () => {
    const memory = { ...MACHINE.memory, groupLimit: 8e9 }
    expect(checkOf('memory', { memory }).value).toContain('the container allows 8.00 GB')
    expect(checkOf('threads', { cpuLimit: 12.5 }).value).toContain('gives time of 12.5')
    const addon = { ...MACHINE.addon, isas: ['avx512', 'avx2'] } as Machine['addon']
    expect(checkOf('CPU', { addon }).value).toBe(
      'Some CPU, avx2, though avx512 is there (LLFT_ISA)',
    )
    expect(checkOf('environment', { variables: { LLFT_ISA: 'avx2' } }).value).toBe('LLFT_ISA=avx2')
  })

  test('ends with 1 if there is a problem, and says how many', async () => {
    const stdout = { text: '', write: (text: string) => (stdout.text += text) }
    const output = new Output({ stdin: process.stdin, stdout, stderr: { write: () => 0 } })
    const exit = vi.fn()
    const context = { output, args: [], options: {}, exit }
    await examine(context, async () => ({ ...MACHINE, addon: { error: 'not installed' } }))
    expect(exit).toHaveBeenCalledWith(1)
    expect(stdout.text).toMatch(/problem addon +does not load: not installed\n +Nothing that/)
    expect(stdout.text).toMatch(/1 of \d checks found a problem/)
  })

  test('looks at this machine', async () => {
    const { code, events } = await run(['doctor', '--json'])
    expect(code).toBe(0)
    const names = events.map((event) => event.type === 'check' && event.name)
    expect(names).toEqual(
      expect.arrayContaining(['Node', 'CPU', 'addon', 'speed', 'memory', 'GPU']),
    )
    const addon = events.find((event) => event.type === 'check' && event.name === 'addon')
    expect(addon).toMatchObject({ state: 'ok', value: expect.stringMatching(/\.node$/) })
  })
})

describe('the limit of CPUs', () => {
  let root: string

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'llft-cgroup-'))
    await mkdir(join(root, 'a', 'b'), { recursive: true })
    await mkdir(join(root, 'cpu', 'docker'), { recursive: true })
  })

  afterEach(() => rm(root, { recursive: true }))

  test('version 2: the least of a group and those above it', async () => {
    await writeFile(join(root, 'a', 'cpu.max'), '150000 100000\n')
    await writeFile(join(root, 'a', 'b', 'cpu.max'), 'max 100000\n')
    expect(cgroupCpuLimit('0::/a/b\n', root)).toBe(1.5)
  })

  test('version 1, and none at all', async () => {
    await writeFile(join(root, 'cpu', 'docker', 'cpu.cfs_quota_us'), '50000\n')
    await writeFile(join(root, 'cpu', 'docker', 'cpu.cfs_period_us'), '100000\n')
    expect(cgroupCpuLimit('4:cpu,cpuacct:/docker\n', root)).toBe(0.5)
    await writeFile(join(root, 'cpu', 'docker', 'cpu.cfs_quota_us'), '-1\n')
    expect(cgroupCpuLimit('4:cpu,cpuacct:/docker\n', root)).toBe(Number.POSITIVE_INFINITY)
  })
})
