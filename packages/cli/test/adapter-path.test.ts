import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { modelPathsOf } from '../src/adapter-path.js'
import { type TinyRun, tinyRun } from './tiny-run.js'

let tiny: TinyRun
let run: string

beforeAll(async () => {
  tiny = await tinyRun()
})

afterAll(async () => {
  for (const folder of [tiny.model, tiny.run]) await rm(folder, { recursive: true })
})

beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'llft-paths-'))
  return () => rm(run, { recursive: true })
})

async function checkpoint(step: number): Promise<string> {
  const folder = join(run, 'checkpoints', `step-${step}`)
  await mkdir(join(run, 'checkpoints'), { recursive: true })
  await cp(tiny.adapter, folder, { recursive: true })
  return resolve(folder)
}

test('an adapter alone brings its base along', async () => {
  const { model, adapter } = tiny
  expect(await modelPathsOf(adapter)).toEqual({ model, adapter })
  expect(await modelPathsOf(model)).toEqual({ model, adapter: undefined })
  expect(await modelPathsOf(model, tiny.run)).toEqual({ model, adapter })
})

test('of a run that trains, the newest checkpoint is meant; when it is done, its result', async () => {
  await checkpoint(9)
  const newest = await checkpoint(10)
  // What is being written has another name.
  await mkdir(join(run, 'checkpoints', '.step-11.1-abc.tmp'))
  expect(await modelPathsOf(run)).toEqual({ model: tiny.model, adapter: newest })
  expect((await modelPathsOf(join(run, 'checkpoints'))).adapter).toBe(newest)
  await cp(tiny.adapter, join(run, 'adapter'), { recursive: true })
  expect((await modelPathsOf(run)).adapter).toBe(join(run, 'adapter'))
})

test('of a run that trained a whole model, the model is meant', async () => {
  await cp(tiny.model, join(run, 'model'), { recursive: true })
  expect(await modelPathsOf(run)).toEqual({ model: join(run, 'model'), adapter: undefined })
  const error = modelPathsOf(tiny.model, run)
  await expect(error).rejects.toThrow(/must be the folder of an adapter, .* a model\.$/)
})

test('a base that is not there, or that nobody named, must be given', async () => {
  await cp(tiny.adapter, run, { recursive: true })
  const path = join(run, 'adapter_config.json')
  const json = JSON.parse(await readFile(path, 'utf8')) as object
  const named = (base: unknown) =>
    writeFile(path, JSON.stringify({ ...json, base_model_name_or_path: base }))
  await named('someone/some-model')
  await expect(modelPathsOf(run)).rejects.toThrow(/got 'someone\/some-model'. Name both: MODEL/)
  await named(null)
  await expect(modelPathsOf(run)).rejects.toThrow(/got no name/)
  await cp(tiny.model, join(run, 'base'), { recursive: true })
  await named('base')
  expect((await modelPathsOf(run)).model).toBe(join(run, 'base'))
})

test('what is no adapter is refused', async () => {
  await expect(modelPathsOf(tiny.model, run)).rejects.toThrow('no adapter_config.json')
  await expect(modelPathsOf(tiny.model, join(run, 'nowhere'))).rejects.toThrow(
    /nowhere', a path with no/,
  )
  expect(await modelPathsOf(join(run, 'nowhere'))).toEqual({
    model: join(run, 'nowhere'),
    adapter: undefined,
  })
})
