import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WandbRun, wandbReporter } from '../src/index.js'

let work: string

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'llft-wandb-'))
})

afterAll(() => rm(work, { recursive: true }))

/** The entries of a log, checked as LevelDB's format says: blocks, parts, checksums, zeros between. */
function entriesOf(log: Buffer): Buffer[] {
  expect(log.subarray(0, 7)).toEqual(Buffer.from([0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0]))
  const entries: Buffer[] = []
  let parts: Buffer[] = []
  for (let at = 7; at < log.length; ) {
    const left = 32768 - (at % 32768)
    if (left < 7) {
      expect(log.subarray(at, at + left).every((byte) => byte === 0)).toBe(true)
      at += left
      continue
    }
    const [sum, length, type] = [
      log.readUInt32LE(at),
      log.readUInt16LE(at + 4),
      log.readUInt8(at + 6),
    ]
    expect(length).toBeLessThanOrEqual(left - 7)
    expect(crc32(log.subarray(at + 6, at + 7 + length))).toBe(sum)
    expect(parts.length === 0 ? [1, 2] : [3, 4]).toContain(type)
    parts.push(log.subarray(at + 7, at + 7 + length))
    if (type === 1 || type === 4) {
      entries.push(Buffer.concat(parts))
      parts = []
    }
    at += 7 + length
  }
  expect(parts).toEqual([])
  return entries
}

type Fields = Map<number, (number | Buffer)[]>

/** The fields of a message: varints as numbers, the others as bytes. */
function fieldsOf(bytes: Buffer): Fields {
  const fields: Fields = new Map()
  let at = 0
  const varint = () => {
    let [value, scale] = [0, 1]
    for (;;) {
      const byte = bytes.readUInt8(at++)
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
  }
  const part = () => {
    const length = varint()
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const key = varint()
    const value = key % 8 === 0 ? varint() : part()
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value])
  }
  return fields
}

/** Keys and values of `ConfigRecord`, `HistoryRecord` and `SummaryRecord`: field 1, with key 1 and value_json 16. */
function itemsOf(message: Buffer): Record<string, string> {
  const items = (fieldsOf(message).get(1) ?? []).map((item) => fieldsOf(item as Buffer))
  return Object.fromEntries(items.map((item) => [String(item.get(1)), String(item.get(16))]))
}

async function recordsOf(folder: string): Promise<Fields[]> {
  const name = (await readdir(folder)).find((one) => one.endsWith('.wandb')) as string
  return entriesOf(await readFile(join(folder, name))).map(fieldsOf)
}

describe('WandbRun', () => {
  it('writes records of wandb_internal.proto, over the ends of blocks', async () => {
    const config = { lr: 2e-4, text: 'a'.repeat(100_000) }
    const now = () => 1_764_250_000_000
    const run = await WandbRun.open(work, { project: 'llft', name: 'first', config, now })
    expect(run.folder).toBe(join(work, 'wandb', `offline-run-20251127_132640-${run.id}`))
    for (let step = 1; step <= 1000; step++)
      run.logStep(step, { loss: step === 7 ? Number.NaN : 1 / step })
    await run.finish(0)
    const records = await recordsOf(run.folder)
    expect(records.map((record) => record.get(1)?.[0])).toEqual(
      records.map((_, index) => index + 1),
    )
    expect(records).toHaveLength(1003)
    const begun = fieldsOf(records[0]?.get(17)?.[0] as Buffer)
    expect([1, 3, 8].map((field) => String(begun.get(field)))).toEqual([run.id, 'llft', 'first'])
    expect(itemsOf(begun.get(4)?.[0] as Buffer)).toEqual({
      lr: '0.0002',
      text: JSON.stringify(config.text),
    })
    const seventh = records[7]?.get(2)?.[0] as Buffer
    expect(itemsOf(seventh)).toMatchObject({ loss: 'NaN', _step: '7' })
    expect(itemsOf(records[1001]?.get(3)?.[0] as Buffer)).toMatchObject({
      loss: '0.001',
      _step: '1000',
    })
    expect(fieldsOf(records[1002]?.get(18)?.[0] as Buffer).get(1)).toEqual([0])
  })

  it('goes on under the same id', async () => {
    const folder = join(work, 'run')
    const start = {
      type: 'start',
      totalSteps: 2,
      trainableParameters: 1,
      totalParameters: 1,
    } as const
    for (const firstStep of [0, 1]) {
      const reporter = wandbReporter({
        folder,
        project: 'llft',
        config: {},
        now: () => 1e12 + firstStep * 1000,
      })
      const tell = (event: object) => reporter.onEvent?.(event as never, undefined as never)
      await tell({ ...start, firstStep })
      await tell({ type: 'eval', step: firstStep, loss: 2 })
      await reporter.close?.()
    }
    const runs = (await readdir(join(folder, 'wandb'))).filter((name) => name.startsWith('offline'))
    const ids = new Set(runs.map((name) => name.split('-').at(-1)))
    expect([runs.length, ids.size]).toEqual([2, 1])
    const [, second] = await Promise.all(
      runs.sort().map((name) => recordsOf(join(folder, 'wandb', name))),
    )
    expect(fieldsOf(second?.[0]?.get(17)?.[0] as Buffer).get(18)).toEqual([1])
    // It ended without its last step.
    expect(fieldsOf(second?.at(-1)?.get(18)?.[0] as Buffer).get(1)).toEqual([1])
  })
})
