import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProfileEvent } from '@llft/native'
import { describe, expect, it } from 'vitest'
import { linear, noGrad, scope, synchronize, Tensor } from '../src/index.js'
import { native } from '../src/native.js'
import { chromeTrace, opProfiles, profileTable } from '../src/profile-report.js'

const peak = { float32: 1e9, bfloat16: 2e9, bandwidth: 1e9 }
// 2 ms of float32 products at half the peak, 1 ms of bfloat16 ones at the peak, 1 ms of waiting, 1 ms of copying.
const events: ProfileEvent[] = [
  ['linear', 10, 10.002, 1e6, 1000, false],
  ['linear', 10.002, 10.003, 2e6, 1000, true],
  ['cast', 10.004, 10.005, 0, 1e6, false],
]

describe('the report of a profile', () => {
  it('sums by op and sets the time against the limit', () => {
    const [first, second] = opProfiles({ events, peak })
    expect(first).toMatchObject({ op: 'linear', calls: 2, flops: 3e6, bytes: 2000 })
    expect(first!.seconds).toBeCloseTo(0.003, 9)
    expect(first!.ofLimit).toBeCloseTo(2 / 3, 6)
    expect(second!.ofLimit).toBeCloseTo(1, 6)
    expect(opProfiles({ events, peak: undefined })[0]!.ofLimit).toBeUndefined()
  })

  it('tells every millisecond, the waiting among them', () => {
    const lines = profileTable({ events, peak }).split('\n')
    expect(lines[1]).toMatch(/^linear +2 +3\.0 +60\.0 % +1\.0 +0\.0 +67 %$/)
    expect(lines).toContainEqual(expect.stringMatching(/^waiting for the program +1\.0 +20\.0 %$/))
    expect(lines).toContainEqual(expect.stringMatching(/^all +3 +5\.0$/))
    expect(lines.at(-1)).toBe('limits: 1 GFLOP/s float32, 2 bfloat16, 1.0 GB/s')
  })

  it('is a trace of complete events in microseconds', () => {
    const { traceEvents } = JSON.parse(chromeTrace({ events, peak })) as {
      traceEvents: { name: string; ph: string; ts: number; dur: number }[]
    }
    expect(traceEvents.map(({ name, ph }) => [name, ph])).toEqual([
      ['linear', 'X'],
      ['linear', 'X'],
      ['cast', 'X'],
    ])
    expect(traceEvents[2]!.ts).toBeCloseTo(4000, 3)
    expect(traceEvents[2]!.dur).toBeCloseTo(1000, 3)
  })
})

describe('recording', () => {
  it('notes the ops that ran with what they had to do', async () => {
    native().startProfile()
    const sum = scope(() =>
      noGrad(() => linear(Tensor.full([16, 32], 1), Tensor.full([24, 32], 1))),
    )
    await sum.read()
    const events = native().takeProfile()
    expect(events.map(([op]) => op)).toEqual(['fill', 'fill', 'linear'])
    const [, begin, end, flops, bytes, isBfloat16] = events[2]!
    expect(end).toBeGreaterThanOrEqual(begin)
    expect(flops).toBe(2 * 16 * 32 * 24)
    expect(bytes).toBe(4 * (16 * 32 + 24 * 32 + 16 * 24))
    expect(isBfloat16).toBe(false)
    sum.dispose()
    Tensor.full([2], 1).dispose()
    await synchronize()
    expect(native().takeProfile()).toEqual([])
  })

  it('measures what the machine reaches', async () => {
    const peak = new Tensor(native().machinePeak())
    const [float32, bfloat16, bandwidth] = await peak.read()
    expect(float32).toBeGreaterThan(0)
    expect(bfloat16).toBeGreaterThan(0)
    expect(bandwidth).toBeGreaterThan(0)
    peak.dispose()
  })
})

describe('LLFT_PROFILE=1', () => {
  it('ends the process with the table and the trace', () => {
    const runtime = new URL('../dist/index.js', import.meta.url).href
    const program = `
      const { linear, noGrad, Tensor } = await import(${JSON.stringify(runtime)})
      const y = noGrad(() => linear(Tensor.full([16, 32], 1), Tensor.full([24, 32], 1)))
      await y.read()`
    const folder = mkdtempSync(join(tmpdir(), 'llft-profile-'))
    try {
      const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
        cwd: folder,
        env: { ...process.env, LLFT_PROFILE: '1' },
        encoding: 'utf8',
      })
      expect(run.status, run.stderr).toBe(0)
      expect(run.stderr).toMatch(/^linear +1 /m)
      expect(run.stderr).toMatch(/^limits: [1-9]/m)
      const trace = JSON.parse(readFileSync(join(folder, 'llft-trace.json'), 'utf8')) as {
        traceEvents: { name: string }[]
      }
      expect(trace.traceEvents.map(({ name }) => name)).toEqual(['fill', 'fill', 'linear'])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
