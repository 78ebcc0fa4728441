import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { memoryStats } from '@llft/runtime'
import { describe, expect, test } from 'vitest'
import { type GoldenCase, readCase } from '../src/cases.js'
import { holds } from '../src/report.js'
import { runCase } from '../src/run-case.js'

const MODELS = fileURLToPath(new URL('../models', import.meta.url))
const names = readdirSync(MODELS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)

describe.each(names)('%s', (name) => {
  test.each(['float32', 'bfloat16'] as const)('keeps to every bound in %s', async (dtype) => {
    const findings = await runCase(await readCase(MODELS, name), dtype)
    expect(findings.map(({ quantity }) => quantity)).toHaveLength(7)
    expect(findings.filter((finding) => !holds(finding))).toEqual([])
  })
})

/** The case with one number changed. */
function tampered(golden: GoldenCase, tensor: string, by: number): GoldenCase {
  const tensors = new Map(golden.tensors)
  const { shape, values } = tensors.get(tensor)!
  const changed = values.slice()
  changed[changed.length >> 1]! += by
  tensors.set(tensor, { shape, values: changed })
  return { ...golden, tensors }
}

test.each([
  ['logits', 'logits', 1e-3],
  ['loss', 'loss', 1e-4],
  ['greedy', 'greedy', 1],
  ['train_losses', 'train_losses', 1e-3],
] as const)('a wrong %s is found out, and nothing else', async (quantity, tensor, by) => {
  const golden = tampered(await readCase(MODELS, names[0]!), tensor, by)
  const wrong = (await runCase(golden, 'float32')).filter((finding) => !holds(finding))
  expect(wrong.map((finding) => finding.quantity)).toEqual([quantity])
})

test('leaves no native memory behind', async () => {
  const golden = await readCase(MODELS, names[0]!)
  await runCase(golden, 'float32')
  const before = memoryStats()
  await runCase(golden, 'float32')
  const { handles, bytesInUse } = memoryStats()
  expect({ handles, bytesInUse }).toEqual({
    handles: before.handles,
    bytesInUse: before.bytesInUse,
  })
})

test('a case that needs another model says which', async () => {
  await expect(readCase('tests/golden', 'nothing')).rejects.toThrow('expect.json')
})
