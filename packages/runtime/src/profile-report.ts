import type { ProfileEvent } from '@llft/native'
import type { MachinePeak } from './machine-peak.js'

/** What the ops of a stretch of work took. */
export interface Profile {
  /** In the order in which they ran. */
  readonly events: readonly ProfileEvent[]
  /** Undefined where the work ended before it was measured. */
  readonly peak: MachinePeak | undefined
}

/** All calls of one op. */
export interface OpProfile {
  readonly op: string
  readonly calls: number
  readonly seconds: number
  readonly flops: number
  readonly bytes: number
  /** The time that the machine's peak would allow, over the time it took; undefined for ops that only move a little. */
  readonly ofLimit: number | undefined
}

/** Sums over the calls of each op, the longest first. */
export function opProfiles({ events, peak }: Profile): OpProfile[] {
  const sums = new Map<
    string,
    { calls: number; seconds: number; flops: number; bytes: number; least: number }
  >()
  for (const [op, begin, end, flops, bytes, isBfloat16] of events) {
    const sum = sums.get(op) ?? { calls: 0, seconds: 0, flops: 0, bytes: 0, least: 0 }
    sum.calls++
    sum.seconds += end - begin
    sum.flops += flops
    sum.bytes += bytes
    if (peak) sum.least += leastSeconds(flops, bytes, isBfloat16, peak)
    sums.set(op, sum)
  }
  return [...sums]
    .map(([op, { least, ...sum }]) => ({
      op,
      ...sum,
      ofLimit: least > 0 && sum.seconds > 0 ? least / sum.seconds : undefined,
    }))
    .sort((a, b) => b.seconds - a.seconds)
}

function leastSeconds(
  flops: number,
  bytes: number,
  isBfloat16: boolean,
  peak: MachinePeak,
): number {
  return Math.max(flops / (isBfloat16 ? peak.bfloat16 : peak.float32), bytes / peak.bandwidth)
}

/** The sums as a table, with what the device waited for the program, for people. */
export function profileTable(profile: Profile): string {
  const { events, peak } = profile
  const wall = (events.at(-1)?.[2] ?? 0) - (events[0]?.[1] ?? 0)
  const ops = opProfiles(profile)
  const busy = ops.reduce((sum, { seconds }) => sum + seconds, 0)
  const share = (seconds: number) => `${((100 * seconds) / wall).toFixed(1)} %`
  const row = ({ op, calls, seconds, flops, bytes, ofLimit }: OpProfile) => [
    op,
    `${calls}`,
    (1e3 * seconds).toFixed(1),
    share(seconds),
    flops > 0 ? (flops / seconds / 1e9).toFixed(1) : '',
    bytes > 0 ? (bytes / seconds / 1e9).toFixed(1) : '',
    ofLimit === undefined ? '' : `${(100 * ofLimit).toFixed(0)} %`,
  ]
  const rows = [
    ['op', 'calls', 'ms', 'of time', 'GFLOP/s', 'GB/s', 'of limit'],
    ...ops.map(row),
    ['waiting for the program', '', (1e3 * (wall - busy)).toFixed(1), share(wall - busy)],
    ['all', `${events.length}`, (1e3 * wall).toFixed(1)],
  ]
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => {
        const width = widths[column] as number
        return column === 0 ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd()
  const limits = peak
    ? `limits: ${(peak.float32 / 1e9).toFixed(0)} GFLOP/s float32, ${(peak.bfloat16 / 1e9).toFixed(0)} bfloat16, ${(peak.bandwidth / 1e9).toFixed(1)} GB/s`
    : ''
  return [...rows.map(line), limits].filter((text) => text !== '').join('\n')
}

/** The events in the format that chrome://tracing and Perfetto open. */
export function chromeTrace({ events }: Profile): string {
  const origin = events[0]?.[1] ?? 0
  const traceEvents = events.map(([name, begin, end, flops, bytes]) => ({
    name,
    ph: 'X',
    ts: 1e6 * (begin - origin),
    dur: 1e6 * (end - begin),
    pid: 1,
    tid: 1,
    args: { flops, bytes },
  }))
  return JSON.stringify({ traceEvents, displayTimeUnit: 'ms' })
}
