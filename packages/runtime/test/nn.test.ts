import { afterEach, describe, expect, it } from 'vitest'
import {
  batchOf,
  type CausalLM,
  ConfigError,
  createModel,
  DenseWeight,
  Embedding,
  Linear,
  LinearModule,
  ModuleList,
  parseConfig,
  RmsNorm,
  type RowContext,
  scope,
  Tensor,
  TiedLinear,
  type TokenBatch,
} from '../src/index.js'
import { expectNoLeak } from './memory.js'

const config = parseConfig({
  model_type: 'llama',
  vocab_size: 11,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  tie_word_embeddings: true,
  attention_bias: true,
})

const model = () => createModel(config, { seed: 1 })
let open: { dispose(): void }[] = []
const track = <T extends { dispose(): void }>(thing: T): T => {
  open.push(thing)
  return thing
}
afterEach(() => {
  for (const thing of open) thing.dispose()
  open = []
})

describe('Module', () => {
  it('is reached by the path of the checkpoint', () => {
    const root = track(model())
    const q = root.getModule('model.layers.1.self_attn.q_proj')
    expect(q).toBeInstanceOf(Linear)
    expect([...root.modules()].map(([path]) => path)).toContain('model.layers.1.mlp.down_proj')
    expect(root.getModule('')).toBe(root)
    expect(() => root.getModule('model.layers.2')).toThrow(ConfigError)
    expect(() => root.getModule('model.layer')).toThrow(
      /got 'layer' among embed_tokens, layers, norm/,
    )
  })

  it('lists each parameter once', () => {
    const names = [...track(model()).parameters()].map(([name]) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(names).toContain('model.layers.0.self_attn.o_proj.bias')
    expect(names.filter((name) => name.includes('embed') || name.includes('head'))).toEqual([
      'model.embed_tokens.weight',
    ])
  })

  it('swaps a child for another of its kind', () => {
    class Twice extends LinearModule {
      constructor(readonly base: Linear) {
        super()
      }
      get inFeatures() {
        return this.base.inFeatures
      }
      get outFeatures() {
        return this.base.outFeatures
      }
      forward(x: Tensor, context: RowContext) {
        return this.base.forward(this.base.forward(x, context), context)
      }
      plainWeight() {
        return undefined
      }
    }
    const root = track(model())
    const path = 'model.layers.0.self_attn.q_proj'
    const base = root.getModule(path) as Linear
    const old = root.replaceChild(path, new Twice(base))
    expect(old).toBe(base)
    expect(root.getModule(path)).toBeInstanceOf(Twice)
    root.replaceChild(path, new ModuleList([], Linear))
    const batch = {
      ids: Int32Array.of(1),
      positions: Int32Array.of(0),
      cuSeqlens: Int32Array.of(0, 1),
    }
    expect(() => root.forward(batch)).toThrow(
      /child 'q_proj' must be a LinearModule; got ModuleList/,
    )
    root.replaceChild(path, base)
  })

  it('gives its memory back', async () => {
    await expectNoLeak(() => {
      const root = model()
      const batch = {
        ids: Int32Array.of(1),
        positions: Int32Array.of(0),
        cuSeqlens: Int32Array.of(0, 1),
      }
      scope(() => {
        root.forward(batch)
      })
      root.dispose()
    })
  })
})

describe('setTrainable', () => {
  it('makes float32 masters of bfloat16 weights and frees the others', async () => {
    await expectNoLeak(() => {
      const weight = Tensor.full([2, 3], 1, 'bfloat16')
      const linear = new Linear(new DenseWeight(weight), Tensor.zeros([2], 'bfloat16'))
      linear.setTrainable(true)
      expect(weight.disposed).toBe(true)
      for (const [, tensor] of linear.ownParameters()) {
        expect([tensor.dtype, tensor.requiresGrad]).toEqual(['float32', true])
      }
      linear.setTrainable(false)
      expect([...linear.ownParameters()].map(([, tensor]) => tensor.requiresGrad)).toEqual([
        false,
        false,
      ])
      linear.dispose()
    })
  })

  it('trains a tied head through the embedding', () => {
    const embedding = track(new Embedding(Tensor.zeros([4, 2], 'bfloat16')))
    const head = new TiedLinear(embedding)
    head.setTrainable(true)
    expect(embedding.weight.requiresGrad).toBe(true)
    expect(head.weight.dense).toBe(embedding.weight)
    expect([head.outFeatures, head.inFeatures]).toEqual([4, 2])
  })

  it('computes with a master cast to the type of the activations', async () => {
    const norm = track(new RmsNorm(Tensor.full([4], 2, 'bfloat16'), 0))
    norm.setTrainable(true)
    const x = track(Tensor.full([1, 4], 3, 'bfloat16'))
    const y = track(norm.forward(x))
    expect([y.dtype, ...(await y.read())]).toEqual(['bfloat16', 2, 2, 2, 2])
  })

  it('gives rows of a weight as float32', async () => {
    const weight = track(new DenseWeight(Tensor.from([1, 2, 3, 4, 5, 6], [3, 2], 'bfloat16')))
    const rows = track(weight.rows(1, 2))
    expect([rows.dtype, rows.shape, [...(await rows.read())]]).toEqual([
      'float32',
      [2, 2],
      [3, 4, 5, 6],
    ])
  })
})

describe('CausalLM', () => {
  const batch: TokenBatch = {
    ...batchOf([[1, 2, 3, 4, 5]]),
    targets: Int32Array.of(2, -100, 4, 5, -100),
  }
  const lossOf = async (root: CausalLM, of: TokenBatch) => {
    const { loss, countedTokens } = root.loss(of)
    open.push(loss)
    return [await loss.item(), countedTokens] as const
  }

  it('has the same loss whether the head is a plain matrix or not', async () => {
    class Wrapped extends Linear {
      override plainWeight() {
        return undefined
      }
    }
    const root = track(model())
    const [plain, counted] = await lossOf(root, batch)
    const { weight } = root.getModule('lm_head') as Linear
    root.replaceChild('lm_head', new Wrapped(weight))
    const [wrapped] = await lossOf(root, batch)
    expect(counted).toBe(3)
    // Three terms of a few nats, each off by some units of 2^-24.
    expect(Math.abs(wrapped - plain)).toBeLessThan(1e-5)
  })

  it('counts nothing where no target is to be counted', async () => {
    const root = track(model())
    const none = { ...batch, targets: new Int32Array(5).fill(-100) }
    expect(await lossOf(root, none)).toEqual([0, 0])
  })

  it('refuses ids and targets outside of the vocabulary, and a batch without targets', () => {
    const root = track(model())
    expect(() => root.forward(batchOf([[1, 11]]))).toThrow(
      /token ids must be below .* 11; got 11 at 1/,
    )
    expect(() => root.loss({ ...batch, targets: Int32Array.of(0, 0, 0, 0, 12) })).toThrow(
      /targets must be below the vocabulary of 11; got 12 at 4/,
    )
    expect(() => root.loss(batchOf([[1]]))).toThrow(/must have targets; got none/)
  })
})
