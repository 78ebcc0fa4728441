import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type CausalLM,
  generate,
  loadModel,
  noGrad,
  scope,
  synchronize,
  type Tensor,
  type TokenBatch,
} from '../src/index.js'
import { type GoldenCase, goldenCase, goldenNames, packedBatch } from './golden-case.js'
import { held } from './memory.js'

// Bounds in float32: those of tests/golden, whose cases hold the truth in float64; PyTorch's float32 is within a tenth.
const LOGITS = 2e-5
const LOSS = 1e-5

async function readLogits(model: CausalLM, batch: TokenBatch): Promise<Float32Array> {
  const logits: Tensor = scope(() => noGrad(() => model.logits(model.forward(batch))))
  const values = (await logits.read()) as Float32Array
  logits.dispose()
  return values
}

describe.each(goldenNames())('%s against transformers', (name) => {
  let golden: GoldenCase
  let model: CausalLM
  let before: ReturnType<typeof held>

  beforeAll(async () => {
    golden = await goldenCase(name)
    before = held()
    model = await loadModel(golden.folder, { dtype: 'float32' })
  })

  afterAll(async () => {
    model.dispose()
    await synchronize()
    expect(held()).toEqual(before)
  })

  it('has the same logits, packed', async () => {
    const { rows, labels, logits, paddedLength, vocabulary } = golden
    const ours = await readLogits(model, packedBatch(rows, labels))
    let largest = 0
    let start = 0
    for (const [row, ids] of rows.entries()) {
      const theirs = logits.subarray(row * paddedLength * vocabulary)
      for (let at = 0; at < ids.length * vocabulary; at++) {
        const error = Math.abs((ours[start * vocabulary + at] as number) - (theirs[at] as number))
        largest = Math.max(largest, error)
      }
      start += ids.length
    }
    expect(largest).toBeLessThanOrEqual(LOGITS)
  })

  it('gives a packed row what it has alone', async () => {
    const { rows, labels, vocabulary } = golden
    const packed = await readLogits(model, packedBatch(rows, labels))
    let start = 0
    for (const [row, ids] of rows.entries()) {
      const alone = await readLogits(model, packedBatch([ids], [labels[row] as number[]]))
      const end = (start + ids.length) * vocabulary
      const difference = packed
        .subarray(start * vocabulary, end)
        .reduce((most, value, at) => Math.max(most, Math.abs(value - (alone[at] as number))), 0)
      // Products of other row counts may be blocked differently, so rounding may differ, and no more.
      expect(difference).toBeLessThanOrEqual(LOGITS)
      start += ids.length
    }
  })

  it('stays within 3 % of the largest logit in bfloat16', async () => {
    const half = await loadModel(golden.folder, { dtype: 'bfloat16' })
    const { rows, labels, logits, vocabulary } = golden
    const ours = await readLogits(half, packedBatch(rows.slice(0, 1), labels.slice(0, 1)))
    half.dispose()
    const theirs = logits.subarray(0, (rows[0] as number[]).length * vocabulary)
    const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    expect(ours).toHaveLength(theirs.length)
    for (const [at, value] of ours.entries()) {
      expect(Math.abs(value - (theirs[at] as number))).toBeLessThanOrEqual(0.03 * largest)
    }
  })

  it('has the same mean loss', async () => {
    const batch = packedBatch(golden.rows, golden.labels)
    const { loss, countedTokens } = noGrad(() => model.loss(batch))
    expect(countedTokens).toBe(batch.targets?.filter((target) => target !== -100).length)
    expect(Math.abs((await loss.item()) / countedTokens - golden.loss)).toBeLessThanOrEqual(LOSS)
    loss.dispose()
  })

  it('continues the prompt by the same greedy tokens', async () => {
    const { greedy, promptTokens } = golden
    const prompt = greedy.slice(0, promptTokens)
    const maxNewTokens = greedy.length - promptTokens
    // The reference was told not to end.
    const { ids, finishReasons } = await generate(model, [prompt], {
      maxNewTokens,
      eosTokenIds: [],
    })
    expect(ids).toEqual([greedy.slice(promptTokens)])
    expect(finishReasons).toEqual(['length'])
  })
})
