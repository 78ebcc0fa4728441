import * as data from '@llft/data'
import * as errors from '@llft/errors'
import * as native from '@llft/native'
import * as runtime from '@llft/runtime'
import * as safetensors from '@llft/safetensors'
import * as tokenizer from '@llft/tokenizer'
import { expect, it } from 'vitest'
import * as lora from '../src/index.js'

const classes = Object.entries(errors).filter(([name]) => /^[A-Z].*Error$/.test(name))

it.each(Object.entries({ safetensors, tokenizer, data, native, runtime, lora }))(
  '%s exports the one class of each name, so that instanceof holds',
  (_, module) => {
    const exported = new Map<string, unknown>(Object.entries(module))
    const shared = classes.filter(([name]) => exported.has(name))
    expect(shared.length).toBeGreaterThan(0)
    for (const [name, own] of shared) expect(exported.get(name)).toBe(own)
  },
)

it('lora and runtime export them all', () => {
  const names = classes.map(([name]) => name)
  expect(Object.keys(lora)).toEqual(expect.arrayContaining(names))
  expect(Object.keys(runtime)).toEqual(expect.arrayContaining(names))
})

it('tells a broken file and a bad row apart as any other error of ours', async () => {
  await expect(safetensors.SafetensorsFile.open('/nowhere')).rejects.toBeInstanceOf(
    lora.FormatError,
  )
  await expect(data.loadDataset([{}])).rejects.toBeInstanceOf(lora.DataError)
  await expect(data.loadDataset([{}])).rejects.toBeInstanceOf(lora.LlftError)
})
