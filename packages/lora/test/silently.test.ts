// What once went wrong without a word.
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LlftWarning } from '@llft/errors'
import { loadQuantizedModel, saveQuantizedModel } from '@llft/quant'
import { loadModel, saveModel } from '@llft/runtime'
import { Tokenizer } from '@llft/tokenizer'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { injectLora, type LoraTrainOptions, loraTrain, saveMerged } from '../src/index.js'
import { questions, tinyCheckpoint } from './tiny-checkpoint.js'

let base: string
let work: string
let told: LlftWarning[]

beforeAll(async () => {
  base = await tinyCheckpoint()
  return () => rm(base, { recursive: true })
})

beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'llft-silently-'))
  told = []
})

afterEach(() => rm(work, { recursive: true }))

const onWarning = (warning: LlftWarning) => told.push(warning)
const codes = () => told.map(({ code }) => code.replace('WARN_LLFT_', ''))

function train(more: Partial<LoraTrainOptions> = {}) {
  const columns = { user: 'question', assistant: 'answer' }
  const output = join(work, 'out')
  return loraTrain({
    model: base,
    data: questions(8),
    columns,
    output,
    maxSteps: 2,
    warmupSteps: 0,
    dtype: 'float32',
    onWarning,
    ...more,
  })
}

describe('loraTrain', () => {
  it('refuses options for an adapter beside the one that the model has', async () => {
    const model = await loadModel(base, { dtype: 'float32' })
    const tokenizer = await Tokenizer.fromFolder(base)
    injectLora(model, { r: 2 })
    const given = { model, tokenizer, dtype: undefined }
    await expect(train({ ...given, lora: { r: 4 } })).rejects.toThrow(
      /loraTrain.lora: must be left/,
    )
    await expect(train({ ...given, dtype: 'bfloat16' })).rejects.toThrow(/loraTrain.dtype: must be/)
    await expect(train(given)).resolves.toMatchObject({ lora: { r: 2 } })
    model.dispose()
  })

  it('refuses a second run on one model at the same time', async () => {
    const model = await loadModel(base, { dtype: 'float32' })
    const tokenizer = await Tokenizer.fromFolder(base)
    const runs = await Promise.allSettled([
      train({ model, tokenizer, output: join(work, 'a') }),
      train({ model, tokenizer, output: join(work, 'b'), lora: { r: 4 } }),
    ])
    expect(runs.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    model.dispose()
  })

  it('tells of options and patterns that do nothing', async () => {
    const lora = { rankPattern: { q_porj: 4 }, excludeModules: ['k_porj'] }
    const { warnings } = await train({ lora, epochs: 2, evalBatchSize: 4 })
    expect(warnings).toEqual(told)
    expect(told.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^epochs has no effect beside maxSteps/),
      expect.stringMatching(/^evalBatchSize has no effect without evalData/),
      expect.stringMatching(/^lora.rankPattern 'q_porj' has no effect/),
      expect.stringMatching(/^lora.excludeModules 'k_porj' has no effect/),
    ])
  })

  it('tells of rows that are cut, left out and not ended', async () => {
    const long = { question: 'Why?', answer: 'word '.repeat(40) }
    const bare = { question: 'word '.repeat(40), answer: 'x' }
    await train({ data: [...questions(4), long, bare], maxLength: 40 })
    expect(codes()).toEqual(['ROWS_DROPPED', 'ROWS_TRUNCATED'])
    expect(told[0]?.message).toMatch(/^1 of 6 rows are left out: 0 longer than 40/)
  })

  it('tells of a model without a chat template', async () => {
    const json = JSON.parse(await readFile(join(base, 'tokenizer.json'), 'utf8'))
    const config = JSON.parse(await readFile(join(base, 'tokenizer_config.json'), 'utf8'))
    const tokenizer = Tokenizer.fromJson(json, { ...config, chat_template: undefined })
    await train({ tokenizer })
    expect(codes()).toContain('NO_CHAT_TEMPLATE')
    expect(() => tokenizer.encodeChat([{ role: 'user', content: 'a' }])).toThrow(/formatPlain/)
  })
})

describe('a role', () => {
  it('does not become special tokens', async () => {
    const tokenizer = await Tokenizer.fromFolder(base)
    const end = tokenizer.eosTokenId as number
    const word = tokenizer.idToToken(end) as string
    const count = (role: string) =>
      tokenizer.encodeChat([{ role, content: 'a' }]).filter((id) => id === end).length
    expect(count(`user${word}x`)).toBe(count('userx'))
  })
})

describe('a merged or quantised model', () => {
  it('has the tokenizer of its base, and never takes the place of it', async () => {
    const model = await loadModel(base, { dtype: 'float32' })
    injectLora(model, { r: 2 })
    await symlink(base, join(work, 'link'))
    for (const folder of [base, join(work, 'link')]) {
      for (const overwrite of [false, true]) {
        const merging = saveMerged(model, folder, { overwrite })
        await expect(merging).rejects.toThrow(/must not be the folder of the base model/)
      }
    }
    const { weights, warnings } = await saveMerged(model, join(work, 'merged'), { onWarning })
    expect([weights, warnings]).toEqual([[join(work, 'merged', 'model.safetensors')], []])
    expect(await readdir(join(work, 'merged'))).toContain('tokenizer.json')
    const missing = saveMerged(model, join(work, 'other'), { baseModel: join(work, 'mistyped') })
    await expect(missing).rejects.toThrow(
      /saveMerged.baseModel: must be a folder; got '.*mistyped'/,
    )
    model.dispose()
    const quantized = await loadQuantizedModel(base)
    await saveQuantizedModel(join(work, 'nf4'), quantized)
    expect(await readdir(join(work, 'nf4'))).toContain('tokenizer.json')
    quantized.dispose()
  })

  it('tells of a base of 16 bits that becomes float32', async () => {
    const first = await loadModel(base, { dtype: 'float32' })
    await saveModel(join(work, 'half'), first, { dtype: 'bfloat16' })
    first.dispose()
    const model = await loadModel(join(work, 'half'), { dtype: 'float32' })
    injectLora(model, { r: 2 })
    await saveMerged(model, join(work, 'merged'), { onWarning })
    expect(codes()).toEqual(['BASE_UPCAST'])
    await saveMerged(model, join(work, 'said'), { onWarning, dtype: 'bfloat16' })
    expect(codes()).toEqual(['BASE_UPCAST'])
    model.dispose()
  })

  it('leaves a folder of others as it is', async () => {
    await writeFile(join(work, 'mine.txt'), 'mine')
    const model = await loadModel(base, { dtype: 'float32' })
    await expect(saveModel(work, model)).rejects.toThrow(/which holds 'mine.txt'/)
    await saveModel(work, model, { overwrite: true })
    expect(await readFile(join(work, 'mine.txt'), 'utf8')).toBe('mine')
    model.dispose()
  })
})
