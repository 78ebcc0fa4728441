import { truncateSync, utimesSync } from 'node:fs'
import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCheckpoint } from '@llft/safetensors'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MappedBacking, ReadBacking } from '../src/checkpoint/backing.js'
import {
  backward,
  batchOf,
  type CausalLM,
  copy,
  createModel,
  gatherRows,
  generate,
  loadModel,
  noGrad,
  planModel,
  saveModel,
  scope,
  synchronize,
  Tensor,
} from '../src/index.js'
import { goldenCase } from './golden-case.js'
import { expectNoLeak } from './memory.js'
import { tinyConfig } from './tiny-config.js'

function tinyModel(): CausalLM {
  return createModel(tinyConfig(), { seed: 4, dtype: 'float32' })
}

/** A model whose logits are no numbers. */
function brokenModel(): CausalLM {
  const model = tinyModel()
  const [, weight] = [...model.parameters()][0] as [string, Tensor]
  scope(() => copy(Tensor.full(weight.shape, Number.NaN), weight))
  return model
}

const GREEDY = { maxNewTokens: 6, temperature: 0 }

describe('a computation that fails', () => {
  it('leaves other generations of the process alone, at the same time and afterwards', async () => {
    await expectNoLeak(async () => {
      const healthy = tinyModel()
      const broken = brokenModel()
      const expected = await generate(healthy, [[5, 6, 7]], GREEDY)
      const [first, second] = await Promise.allSettled([
        generate(broken, [[5, 6, 7]], GREEDY),
        generate(healthy, [[5, 6, 7]], GREEDY),
      ])
      expect(first).toMatchObject({ status: 'rejected', reason: { code: 'ERR_LLFT_DATA' } })
      expect((first as PromiseRejectedResult).reason.message).toMatch(
        /^sample: logits must hold no NaN.*weights of the model or of its adapter/,
      )
      expect(second).toMatchObject({ status: 'fulfilled', value: expected })
      expect(await generate(healthy, [[5, 6, 7]], GREEDY)).toEqual(expected)
      broken.dispose()
      healthy.dispose()
    })
  })

  it('leaves a backward pass of another model alone', async () => {
    const healthy = tinyModel()
    const broken = brokenModel()
    for (const [, tensor] of healthy.parameters()) tensor.requiresGrad = true
    const batch = batchOf([[1, 2, 3, 4]])
    const gradients = async () => {
      const { loss } = healthy.loss({ ...batch, targets: Int32Array.of(2, 3, 4, -100) })
      backward(loss)
      loss.dispose()
      const [, weight] = [...healthy.parameters()][0] as [string, Tensor]
      const values = await (weight.grad as Tensor).read()
      for (const [, tensor] of healthy.parameters()) tensor.grad = undefined
      return values
    }
    const expected = await gradients()
    const failing = generate(broken, [[5]], GREEDY)
    const same = gradients()
    await expect(failing).rejects.toThrow(/sample/)
    expect(await same).toEqual(expected)
    healthy.dispose()
    broken.dispose()
  })

  it('gives its error to whoever reads what comes of it', async () => {
    const table = Tensor.full([3, 2], 1)
    const lost = gatherRows(table, Tensor.from(Int32Array.of(0, 9), [2]))
    await expect(lost.read()).rejects.toMatchObject({ code: 'ERR_LLFT_SHAPE' })
    await expect(lost.read()).rejects.toThrow(/gatherRows: each row must be in \[0, 3\); got 9/)
    await synchronize()
    expect(await table.read()).toEqual(new Float32Array(6).fill(1))
    for (const tensor of [table, lost]) tensor.dispose()
  })
})

describe('a weight file that changes after it was mapped', () => {
  let folder: string
  let file: string
  let model: CausalLM

  beforeEach(async () => {
    const source = (await goldenCase('qwen3-qknorm')).folder
    folder = await mkdtemp(join(tmpdir(), 'llft-mapped-'))
    for (const name of ['config.json', 'model.safetensors'])
      await cp(join(source, name), join(folder, name))
    file = join(folder, 'model.safetensors')
    model = await loadModel(folder, { dtype: 'float32', checkFinite: false })
  })

  afterEach(async () => {
    model.dispose()
    await rm(folder, { recursive: true })
  })

  const logits = () =>
    scope(() => noGrad(() => model.logits(model.forward(batchOf([[1, 2, 3, 4]])))))

  it('is found when a computation begins and when weights are saved', async () => {
    const bytes = await readFile(file)
    bytes.fill(7, bytes.length - 64)
    await writeFile(file, bytes)
    const message = /model.safetensors: the file must stay as it was .*got other bytes since/
    expect(() => logits()).toThrow(message)
    await expect(generate(model, [[1]], GREEDY)).rejects.toThrow(message)
    await expect(saveModel(join(folder, 'copy'), model)).rejects.toThrow(message)
    await expect(saveModel(join(folder, 'copy'), model)).rejects.toMatchObject({
      code: 'ERR_LLFT_FORMAT',
    })
  })

  it('fails the computation that meets what was cut off, and not the process', async () => {
    const running = logits()
    await running.read()
    running.dispose()
    truncateSync(file, 4096)
    expect(() => logits()).toThrow(/got 4096 bytes since/)
    const [, weight] = [...model.parameters()].at(-1) as [string, Tensor]
    await expect(weight.read()).rejects.toThrow(
      /model.safetensors: the file must stay as it was while it is mapped; got one that was cut/,
    )
  })

  it('may be replaced by another under its name', async () => {
    const before = await logits().read()
    await cp(file, `${file}.new`)
    await rename(`${file}.new`, file)
    expect(await logits().read()).toEqual(before)
  })

  it('is found if it was replaced between its header and its data', async () => {
    const checkpoint = await openCheckpoint(folder)
    await cp(file, `${file}.new`)
    await rename(`${file}.new`, file)
    for (const backing of [new MappedBacking(checkpoint), new ReadBacking(checkpoint)]) {
      const take = () => backing.tensor('model.norm.weight', [64], ['float32', 'bfloat16'])
      expect(take).toThrow(/got a change since/)
      backing.close()
    }
  })

  it('does not matter to a model that was read', async () => {
    const before = await logits().read()
    model.dispose()
    model = await loadModel(folder, { dtype: 'float32', mmap: false })
    truncateSync(file, 4096)
    utimesSync(file, 1, 1)
    expect(await logits().read()).toEqual(before)
  })

  it('is planned as memory where it is read', async () => {
    const mapped = await planModel(folder, { dtype: 'float32' })
    const read = await planModel(folder, { dtype: 'float32', mmap: false })
    expect(mapped.fileBytes).toBeGreaterThan(0)
    expect(read.fileBytes).toBe(0)
  })
})
