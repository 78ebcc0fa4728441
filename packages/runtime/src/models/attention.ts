import { LinearModule, Module, RmsNorm, type RowContext } from '../nn/index.js'
import { attention } from '../ops/attention.js'
import { splitColumns, view } from '../ops/movement.js'
import { rope } from '../ops/rope.js'
import type { Tensor } from '../tensor.js'
import { buildLinear, buildNorm } from './build.js'
import type { DecoderConfig } from './decoder-config.js'
import type { ForwardContext } from './forward-context.js'
import type { WeightSource } from './weight-source.js'

/** Grouped-query self-attention with rotary positions. */
export class Attention extends Module {
  readonly #config: DecoderConfig
  readonly #layer: number

  constructor(config: DecoderConfig, layer: number, source: WeightSource, path: string) {
    super()
    this.#config = config
    this.#layer = layer
    const { width, headWidth, qkvBias, outputBias } = config
    const [queries, keys] = [config.heads * headWidth, config.kvHeads * headWidth]
    const linear = (name: string, shape: readonly [number, number], bias: boolean) =>
      this.addChild(name, buildLinear(source, `${path}.${name}`, shape, bias))
    if (config.projections === 'fused') {
      linear('qkv_proj', [queries + 2 * keys, width], qkvBias)
    } else {
      linear('q_proj', [queries, width], qkvBias)
      linear('k_proj', [keys, width], qkvBias)
      linear('v_proj', [keys, width], qkvBias)
    }
    linear('o_proj', [width, queries], outputBias)
    if (config.qkNorm) {
      this.addChild('q_norm', buildNorm(source, `${path}.q_norm`, headWidth, config.normEps))
      this.addChild('k_norm', buildNorm(source, `${path}.k_norm`, headWidth, config.normEps))
    }
  }

  /** x [T, D] -> [T, D]. */
  forward(x: Tensor, context: ForwardContext): Tensor {
    const { heads, kvHeads, headWidth, windows } = this.#config
    const [q, k, v] = this.project(x, context)
    const queries = this.rotate(this.perHead(q, heads), 'q_norm', context)
    const own = {
      k: this.rotate(this.perHead(k, kvHeads), 'k_norm', context),
      v: this.perHead(v, kvHeads),
    }
    const read = context.cache?.write(this.#layer, own.k, own.v) ?? own
    const window = windows[this.#layer] ?? 0
    const mixed = attention(queries, read.k, read.v, { segments: context.segments, window })
    const joined = view(mixed, [mixed.shape[0] as number, heads * headWidth])
    return this.child('o_proj', LinearModule).forward(joined, context)
  }

  private project(x: Tensor, context: RowContext): [q: Tensor, k: Tensor, v: Tensor] {
    const { heads, kvHeads, headWidth, projections } = this.#config
    if (projections === 'fused') {
      const widths = [heads * headWidth, kvHeads * headWidth, kvHeads * headWidth]
      const qkv = this.child('qkv_proj', LinearModule).forward(x, context)
      return splitColumns(qkv, widths) as [Tensor, Tensor, Tensor]
    }
    const [q, k, v] = ['q_proj', 'k_proj', 'v_proj'].map((name) =>
      this.child(name, LinearModule).forward(x, context),
    )
    return [q, k, v] as [Tensor, Tensor, Tensor]
  }

  private perHead(x: Tensor, heads: number): Tensor {
    return view(x, [x.shape[0] as number, heads, this.#config.headWidth])
  }

  private rotate(x: Tensor, norm: 'q_norm' | 'k_norm', context: ForwardContext): Tensor {
    const normed = this.#config.qkNorm ? this.child(norm, RmsNorm).forward(x) : x
    return rope(normed, context.tables, context.positions)
  }
}
