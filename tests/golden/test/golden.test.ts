import { fileURLToPath } from 'node:url'
import { memoryStats } from '@llft/runtime'
import { describe, expect, test } from 'vitest'
import { findCases, type GoldenCase, readCase } from '../src/cases.js'
import { holds } from '../src/report.js'
import { runCase } from '../src/run-case.js'

const MODELS = fileURLToPath(new URL('../models', import.meta.url))
const names = findCases(MODELS)

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

test.each([
  ['float32', 4],
  ['bfloat16', 2],
] as const)('a gradient in %s may be off by %d times the spread', async (dtype, times) => {
  const golden = await readCase(MODELS, names[0]!)
  const [name, { shape, values }] = [...golden.tensors].find(([key]) =>
    key.startsWith('lora_grad'),
  )!
  // Half as much again is expected: the error is 1/3, but for the rounding of the type.
  const tensors = new Map(golden.tensors)
  tensors.set(name, { shape, values: values.map((value) => 1.5 * value) })
  const beyond = async (allowed: number) => {
    const spread = { ...golden.spreads[dtype]!, lora_grad: allowed / times }
    const findings = await runCase({ ...golden, tensors, spreads: { [dtype]: spread } }, dtype)
    return findings.filter((finding) => !holds(finding)).map(({ quantity }) => quantity)
  }
  expect(await beyond(0.4)).toEqual([])
  expect(await beyond(0.3)).toEqual(['lora_grad'])
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
