// A layer that holds several adapters and takes for each row the one that its sequence names: what a linear layer is told
// of its rows is enough for that, forward and backward.
import {
  add,
  backward,
  batchOf,
  type CausalLM,
  concatColumns,
  createModel,
  Linear,
  type LinearCall,
  LinearModule,
  linear,
  mul,
  parseConfig,
  type RowContext,
  scale,
  scope,
  Tensor,
  type TokenBatch,
} from '@llft/runtime'
import { afterEach, describe, expect, it } from 'vitest'
import { logitsOf } from './fixture.js'

const RANK = 4
const PATHS = [0, 1].flatMap((layer) =>
  ['self_attn.q_proj', 'mlp.down_proj'].map((name) => `model.layers.${layer}.${name}`),
)
const FACTOR = 2

interface Matrices {
  a: Tensor
  b: Tensor
}

/** y = W x + scale * B_i A_i x, i being the adapter of the row: rows of others are masked between A and B. */
class RowAdaptedLinear extends LinearModule {
  constructor(
    base: Linear,
    readonly adapters: ReadonlyMap<string, Matrices>,
  ) {
    super()
    this.addChild('base_layer', base)
  }

  get inFeatures(): number {
    return this.base.inFeatures
  }

  get outFeatures(): number {
    return this.base.outFeatures
  }

  override *ownParameters(): Iterable<readonly [string, Tensor]> {
    for (const [name, { a, b }] of this.adapters) {
      yield [`lora_A.${name}`, a]
      yield [`lora_B.${name}`, b]
    }
  }

  forward(x: Tensor, context: RowContext, call?: LinearCall): Tensor {
    const { adapters } = context
    if (adapters === undefined) return this.base.forward(x, context, call)
    return scope(() => {
      const parts = adapters.names.map((name, index) => {
        const { a, b } = this.adapters.get(name) as Matrices
        const mask = Array.from(adapters.ofRow, (of) => new Array(RANK).fill(of === index ? 1 : 0))
        return { h: mul(linear(x, a), Tensor.from(mask.flat(), [mask.length, RANK])), b }
      })
      const h = concatColumns(parts.map(({ h }) => h))
      const b = concatColumns(parts.map(({ b }) => b))
      return add(this.base.forward(x, context, call), scale(linear(h, b), FACTOR))
    })
  }

  plainWeight(): undefined {
    return undefined
  }

  private get base(): Linear {
    return this.child('base_layer', Linear)
  }
}

const CONFIG = parseConfig({
  model_type: 'llama',
  vocab_size: 60,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
})
/** Long enough that no product takes the way of a few rows. */
const SEQUENCES = [11, 17, 13].map((length, row) =>
  Array.from({ length }, (_, i) => (7 * row + 3 * i) % 60),
)
const NAMES = ['first', undefined, 'second']
let model: CausalLM

function adapted(): CausalLM {
  const made = createModel(CONFIG, { seed: 5 })
  for (const [index, path] of PATHS.entries()) {
    const base = made.getModule(path) as Linear
    const draw = (shape: number[], seed: number) => {
      const tensor = Tensor.normal(shape, { std: 0.1, seed: 10 * index + seed })
      tensor.requiresGrad = true
      return tensor
    }
    const matrices = (seed: number) => ({
      a: draw([RANK, base.inFeatures], seed),
      b: draw([base.outFeatures, RANK], seed + 1),
    })
    const adapters = new Map([
      ['first', matrices(1)],
      ['second', matrices(3)],
    ])
    made.replaceChild(path, new RowAdaptedLinear(base, adapters))
  }
  for (const name of ['first', 'second']) made.adapterNames.add(name)
  return made
}

function batch(rows: readonly number[]): TokenBatch {
  const made = batchOf(rows.map((row) => SEQUENCES[row] as number[]))
  const targets = made.ids.map((_, at) =>
    made.cuSeqlens.includes(at + 1) ? -100 : (made.ids[at + 1] as number),
  )
  return { ...made, targets, adapters: rows.map((row) => NAMES[row]) }
}

async function gradients(of: TokenBatch): Promise<Map<string, Float32Array>> {
  const { loss } = model.loss(of)
  backward(loss)
  const found = new Map<string, Float32Array>()
  for (const [name, { grad }] of model.parameters()) {
    if (grad === undefined || !name.includes('lora_')) continue
    found.set(name, (await grad.read()) as Float32Array)
  }
  for (const [, tensor] of model.parameters()) tensor.grad = undefined
  loss.dispose()
  return found
}

afterEach(() => model.dispose())

describe('a batch whose sequences name their adapters', () => {
  it('gives each sequence the logits that it has alone, bit by bit', async () => {
    model = adapted()
    const all = await logitsOf(model, batch([0, 1, 2]))
    const alone = []
    for (const row of [0, 1, 2]) alone.push(...(await logitsOf(model, batch([row]))))
    expect([...all]).toEqual(alone)
    const base = createModel(CONFIG, { seed: 5 })
    const plain = await logitsOf(base, batchOf([SEQUENCES[1] as number[]]))
    expect([...all.slice(11 * 60, 28 * 60)]).toEqual([...plain])
    expect([...all.slice(0, 11 * 60)]).not.toEqual([
      ...(await logitsOf(base, batchOf([SEQUENCES[0] as number[]]))),
    ])
    base.dispose()
  })

  it('gives each adapter the gradient of its own sequences', async () => {
    model = adapted()
    model.gradientCheckpointing = true // the context of the rows reaches recomputed layers, too
    const all = await gradients(batch([0, 1, 2]))
    for (const [row, name] of [
      [0, 'first'],
      [2, 'second'],
    ] as const) {
      const own = [...(await gradients(batch([row])))].filter(([at]) => at.endsWith(name))
      expect(own).toHaveLength(2 * PATHS.length)
      // Bit by bit: all 41 rows are summed in one block, in ascending order, and those of others are zeros.
      for (const [at, values] of own) expect([...(all.get(at) ?? [])]).toEqual([...values])
    }
  })

  it('is refused where the model has no adapter of that name, or the names are not one for each sequence', () => {
    model = createModel(CONFIG, { seed: 5 })
    expect(() => model.forward(batch([0]))).toThrow(
      "forward: adapters must be among those of the model (none); got 'first'.",
    )
    expect(() => model.forward({ ...batch([0, 1]), adapters: ['first'] })).toThrow(
      'forward: adapters must name one for each of the 2 sequences; got 1.',
    )
  })
})
