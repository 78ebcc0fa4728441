import { Module, RmsNorm } from '../nn/index.js'
import { scope } from '../scope.js'
import type { Tensor } from '../tensor.js'
import { Attention } from './attention.js'
import { buildNorm } from './build.js'
import type { DecoderConfig } from './decoder-config.js'
import type { ForwardContext } from './forward-context.js'
import { Mlp } from './mlp.js'
import type { WeightSource } from './weight-source.js'

/** The residual stream between layers: what the last branch made, and the sum before it, not yet added. */
export interface Stream {
  /** [T, D]. */
  branch: Tensor
  /** [T, D], float32 from the first sum on; undefined before the first layer. */
  residual: Tensor | undefined
}

/**
 * x += attention(norm(x)); x += mlp(norm(x)).
 * Each addition is done by the norm that follows it, so a layer hands on branch and sum.
 */
export class DecoderLayer extends Module {
  constructor(config: DecoderConfig, layer: number, source: WeightSource, path: string) {
    super()
    const norm = (name: string) =>
      this.addChild(name, buildNorm(source, `${path}.${name}`, config.width, config.normEps))
    this.addChild('self_attn', new Attention(config, layer, source, `${path}.self_attn`))
    this.addChild('mlp', new Mlp(config, source, `${path}.mlp`))
    norm('input_layernorm')
    norm('post_attention_layernorm')
  }

  forward({ branch, residual }: Stream, context: ForwardContext): Required<Stream> {
    return scope(() => {
      const first = this.child('input_layernorm', RmsNorm).addForward(branch, residual)
      const mixed = this.child('self_attn', Attention).forward(first.y, context)
      const second = this.child('post_attention_layernorm', RmsNorm).addForward(mixed, first.sum)
      return { branch: this.child('mlp', Mlp).forward(second.y, context), residual: second.sum }
    })
  }
}
