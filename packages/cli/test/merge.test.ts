import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SafetensorsFile } from '@llft/safetensors'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { run } from './run.js'
import { type TinyRun, tinyRun } from './tiny-run.js'

let tiny: TinyRun
let work: string

beforeAll(async () => {
  tiny = await tinyRun()
})

afterAll(async () => {
  for (const folder of [tiny.model, tiny.run]) await rm(folder, { recursive: true })
})

beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'llft-merge-'))
  return () => rm(work, { recursive: true })
})

const answer = async (...args: string[]) => {
  const { events } = await run(['chat', ...args, '--prompt', 'Hi', '--max-tokens', '8', '--json'])
  return events.find((event) => event.type === 'answer')?.text
}

test('writes a model that answers as base and adapter do', async () => {
  const out = join(work, 'merged')
  const { code, events } = await run(['merge', tiny.model, out, '--adapter', tiny.run, '--json'])
  expect(code).toBe(0)
  expect(events).toMatchObject([
    { type: 'written', path: out, files: [join(out, 'model.safetensors')] },
  ])
  expect(await readdir(out)).toContain('tokenizer.json')
  expect(await answer(out)).toBe(await answer(tiny.run))
  expect(await answer(out)).not.toBe(await answer(tiny.model))
})

test('the base may be left out, and the type chosen', async () => {
  const out = join(work, 'merged')
  const { code, stdout, stderr } = await run([
    'merge',
    out,
    '--adapter',
    tiny.adapter,
    '--dtype',
    'bfloat16',
  ])
  expect([code, stdout]).toEqual([0, expect.stringMatching(/merged: [\d.]+ kB in bfloat16, /)])
  expect(stderr).toContain(`llft chat ${out}`)
  const { tensors } = await SafetensorsFile.open(join(out, 'model.safetensors'))
  expect([...tensors.values()].every(({ dtype }) => dtype === 'BF16')).toBe(true)
})

test('a folder with other files is refused unless --overwrite', async () => {
  await writeFile(join(work, 'notes.txt'), 'mine')
  await writeFile(join(work, 'model.safetensors'), 'theirs')
  const args = ['merge', tiny.model, work, '--adapter', tiny.adapter]
  const { code, stderr } = await run(args)
  expect([code, stderr]).toEqual([2, expect.stringMatching(/overwrite/)])
  expect((await run([...args, '--overwrite'])).code).toBe(0)
  expect(await readdir(work)).toContain('notes.txt')
})

test('a third folder, and an adapter that is none, are mistakes of usage', async () => {
  const three = await run(['merge', 'a', 'b', 'c', '--adapter', tiny.adapter])
  expect([three.code, three.stderr]).toEqual([2, expect.stringMatching(/got 3 folders/)])
  const none = await run(['merge', work, '--adapter', work])
  expect([none.code, none.stderr]).toEqual([2, expect.stringMatching(/no adapter_config.json/)])
})
