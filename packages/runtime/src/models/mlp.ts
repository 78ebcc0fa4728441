import { LinearModule, Module, type RowContext } from '../nn/index.js'
import { splitColumns } from '../ops/movement.js'
import { swiglu } from '../ops/swiglu.js'
import type { Tensor } from '../tensor.js'
import { buildLinear } from './build.js'
import type { DecoderConfig } from './decoder-config.js'
import type { WeightSource } from './weight-source.js'

/** Gated feed-forward: down(silu(gate x) * up x). */
export class Mlp extends Module {
  readonly #fused: boolean
  readonly #ffnWidth: number

  constructor(config: DecoderConfig, source: WeightSource, path: string) {
    super()
    const { width, ffnWidth, mlpBias } = config
    this.#fused = config.projections === 'fused'
    this.#ffnWidth = ffnWidth
    const linear = (name: string, shape: readonly [number, number]) =>
      this.addChild(name, buildLinear(source, `${path}.${name}`, shape, mlpBias))
    if (this.#fused) {
      linear('gate_up_proj', [2 * ffnWidth, width])
    } else {
      linear('gate_proj', [ffnWidth, width])
      linear('up_proj', [ffnWidth, width])
    }
    linear('down_proj', [width, ffnWidth])
  }

  /** x [T, D] -> [T, D]. */
  forward(x: Tensor, context: RowContext): Tensor {
    const [gate, up] = this.project(x, context)
    return this.child('down_proj', LinearModule).forward(swiglu(gate, up), context)
  }

  private project(x: Tensor, context: RowContext): [gate: Tensor, up: Tensor] {
    if (this.#fused) {
      const both = this.child('gate_up_proj', LinearModule).forward(x, context)
      return splitColumns(both, [this.#ffnWidth, this.#ffnWidth]) as [Tensor, Tensor]
    }
    return [
      this.child('gate_proj', LinearModule).forward(x, context),
      this.child('up_proj', LinearModule).forward(x, context),
    ]
  }
}
