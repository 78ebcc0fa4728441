import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { crc32c, maskedCrc32c } from '../src/crc32c.js'
import {
  EventFile,
  MetricsFile,
  MetricsReporter,
  type RunReport,
  readMetrics,
  renderReport,
  reportOf,
  sparkline,
} from '../src/index.js'

let work: string

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'llft-report-'))
})

afterAll(() => rm(work, { recursive: true }))

/** Event file of a folder as TensorBoard's own reader takes it apart: lengths and checksums checked. */
async function recordsOf(path: string): Promise<Buffer[]> {
  const bytes = await readFile(path)
  const records: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at))
    expect(bytes.readUInt32LE(at + 8)).toBe(maskedCrc32c(bytes.subarray(at, at + 8)))
    const data = bytes.subarray(at + 12, at + 12 + length)
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(maskedCrc32c(data))
    records.push(data)
    at += 16 + length
  }
  return records
}

describe('crc32c', () => {
  it('has the values of RFC 3720', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e)
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
  })
})

describe('EventFile', () => {
  it('writes the bytes of event.proto', async () => {
    const file = await EventFile.create(join(work, 'tb'), { now: () => 1_700_000_000_000 })
    file.scalar('train/loss', 300, 0.5)
    await file.close()
    const [version, scalar] = await recordsOf(file.path)
    // As Python's tensorboard 2 serialises the same events.
    expect(version?.toString('hex')).toBe('0900000040fc54d9411a0d627261696e2e4576656e743a32')
    expect(scalar?.toString('hex')).toBe(
      '0900000040fc54d94110ac022a130a110a0a747261696e2f6c6f7373150000003f',
    )
    expect(file.path).toMatch(/events\.out\.tfevents\.1700000000\./)
  })

  it('says where a run goes on, in a file of its own', async () => {
    const folder = join(work, 'resumed')
    await (await EventFile.create(folder)).close()
    const second = await EventFile.create(folder, { resumedAfter: 7 })
    await second.close()
    expect(await readdir(folder)).toHaveLength(2)
    const [, start] = await recordsOf(second.path)
    // step: 8, session_log { status: START }
    expect(start?.toString('hex')).toMatch(/^09.{16}10083a020801$/)
  })
})

describe('MetricsFile', () => {
  it('goes on after a step, without what came later or was torn', async () => {
    const path = join(work, 'metrics.jsonl')
    const first = await MetricsFile.open(path)
    first.append({ type: 'ready' })
    for (const step of [1, 2, 3]) first.append({ type: 'step', step, loss: Number.NaN })
    await first.close()
    await appendFile(path, '{"type":"step","st')
    const second = await MetricsFile.open(path, 2)
    second.append({ type: 'step', step: 3, loss: 1 })
    await second.close()
    const lines = await readMetrics(path)
    expect(lines.map(({ type, step, loss }) => [type, step, loss])).toEqual([
      ['ready', undefined, undefined],
      ['step', 1, null],
      ['step', 2, null],
      ['step', 3, 1],
    ])
    expect(await readMetrics(join(work, 'none'))).toEqual([])
  })

  it('keeps what is noted before the run starts', async () => {
    const reporter = new MetricsReporter({ folder: work, logSteps: 2 })
    reporter.note({ type: 'environment', facts: {} })
    await reporter.onEvent({
      type: 'start',
      firstStep: 0,
      totalSteps: 4,
      trainableParameters: 1,
      totalParameters: 2,
    })
    for (const step of [1, 2]) await reporter.onEvent({ type: 'step', step } as never)
    await reporter.close()
    const lines = await readMetrics(join(work, 'metrics.jsonl'))
    expect(lines.map(({ type, step }) => `${type} ${step ?? ''}`)).toEqual([
      'environment ',
      'start ',
      'step 2',
    ])
  })
})

describe('sparkline', () => {
  it.each([
    [[1, 2, 3, 4, 5, 6, 7, 8], 8, '▁▂▃▄▅▆▇█'],
    [[5, 5, 5], 3, '▁▁▁'],
    [[1, Number.NaN, 2], 3, '▁ █'],
    [[0, 2, 2, 4], 2, '▁█'],
    [[], 5, ''],
  ])('draws %j in %d', (values, width, line) => {
    expect(sparkline(values, width)).toBe(line)
  })
})

describe('renderReport', () => {
  const steps = Array.from({ length: 5000 }, (_, i) => ({
    step: i + 1,
    loss: i === 3000 ? 9 : 2 - i / 5000,
    lr: 1e-4,
    gradNorm: 1,
    tokensPerSecond: 100,
    bytesInUse: 1e6,
    skipped: i === 10,
  }))
  const report: RunReport = {
    title: 'runs/x <script>alert(1)</script>',
    state: 'failed',
    reason: '</title><img src=x onerror=alert(1)>',
    reproduce: ['llft train config.yaml'],
    configuration: { model: { path: 'm' }, output: 'runs/x' },
    totalSteps: 5000,
    steps,
    evaluations: [
      { step: 0, loss: 2.1 },
      { step: 5000, loss: 1.5 },
    ],
    checkpoints: [{ step: 4000, isBest: true }],
    verdicts: [{ type: 'verdict', kind: 'over-fitting', text: 'the loss', advice: 'Stop.' }],
    warnings: [{ code: 'WARN_LLFT_X', message: 'a & b' }],
    samples: [
      { prompt: 'p'.repeat(10_000_000), before: '\u0000\u001b[31m', after: "</pre><script>'" },
    ],
    environment: { processor: 'x' },
  }

  it('is one file that loads nothing, with every text as text', () => {
    const html = renderReport(report)
    expect(html).not.toMatch(/<script|<img|https?:|url\(|@import/)
    expect(html).toContain('runs/x &lt;script&gt;')
    expect(html).toContain('(10000000 characters)')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
    expect(html).not.toMatch(/[\u0000\u001b]/)
    expect(html).toContain('2.100 → 1.500')
    expect(html.length).toBeLessThan(300_000)
  })

  it('draws a peak among thousands of steps, and marks the best and the skipped', () => {
    const html = renderReport(report)
    const [faint] = html.match(/class="line faint" points="[^"]*"/) ?? ['']
    const points = faint.split('"')[3]?.split(' ') ?? []
    expect(points.length).toBeLessThanOrEqual(1000)
    // The highest point of the curve is at the top of the chart.
    const heights = points.map((point) => Number(point.split(',')[1]))
    expect(Math.min(...heights)).toBeLessThan(25)
    expect(html).toMatch(/>best</)
    expect(html).toMatch(/>skipped</)
  })

  it('leaves out what a run does not have', async () => {
    const folder = await mkdtemp(join(work, 'empty-'))
    await writeFile(join(folder, 'metrics.jsonl'), '')
    const empty = await reportOf({
      folder,
      title: 't',
      state: 'running',
      reproduce: [],
      configuration: {},
    })
    const html = renderReport(empty)
    expect(html).not.toMatch(/<h2>(Curves|Samples|Memory|Warnings)/)
    expect(html).not.toMatch(/NaN|undefined/)
  })
})
