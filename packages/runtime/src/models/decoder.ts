import { checkpoint } from '../autograd/checkpoint.js'
import { Embedding, Module, ModuleList, RmsNorm } from '../nn/index.js'
import { addEmbeddingNoise } from '../ops/embedding-noise.js'
import { scope } from '../scope.js'
import { Tensor } from '../tensor.js'
import { buildNorm } from './build.js'
import type { DecoderConfig } from './decoder-config.js'
import { DecoderLayer, type Stream } from './decoder-layer.js'
import type { ForwardContext, LayerCache } from './forward-context.js'
import { RotaryTables } from './rotary-tables.js'
import { rowContext, selfSegments, type TokenBatch } from './token-batch.js'
import type { WeightSource } from './weight-source.js'

/** Token embedding, the layers and the final norm: ids in, hidden states out. */
export class Decoder extends Module {
  readonly #tables: RotaryTables
  readonly #dtype: WeightSource['dtype']

  constructor(
    readonly config: DecoderConfig,
    source: WeightSource,
    path: string,
  ) {
    super()
    this.#tables = new RotaryTables(config.rope)
    this.#dtype = source.dtype
    const { vocabulary, width, normEps } = config
    const table = source.tensor(`${path}.embed_tokens.weight`, [vocabulary, width], 'normal')
    this.addChild('embed_tokens', new Embedding(table))
    const layers = Array.from(
      { length: config.layers },
      (_, layer) => new DecoderLayer(config, layer, source, `${path}.layers.${layer}`),
    )
    this.addChild('layers', new ModuleList(layers, DecoderLayer))
    this.addChild('norm', buildNorm(source, `${path}.norm`, width, normEps))
  }

  get embedding(): Embedding {
    return this.child('embed_tokens', Embedding)
  }

  /** Hidden states after the final norm [T, D]. */
  forward(batch: TokenBatch, options: DecoderOptions = {}): Tensor {
    return scope(() => {
      const context = this.contextOf(batch, options.cache)
      const layers = this.child('layers', ModuleList<DecoderLayer>)
      const ids = options.cache?.ids ?? Tensor.from(batch.ids)
      let stream: Stream = {
        branch: this.embed(ids, batch, options.neftuneAlpha),
        residual: undefined,
      }
      for (let index = 0; index < layers.length; index++) {
        const next = this.runLayer(layers.at(index), stream, context, options.checkpointing)
        stream.branch.dispose()
        stream.residual?.dispose()
        stream = next
      }
      return this.child('norm', RmsNorm).addForward(stream.branch, stream.residual).y
    })
  }

  override dispose(): void {
    this.#tables.dispose()
    super.dispose()
  }

  private embed(ids: Tensor, { cuSeqlens }: TokenBatch, neftuneAlpha = 0): Tensor {
    return scope(() => {
      const vectors = this.embedding.forward(ids, this.#dtype)
      return addEmbeddingNoise(vectors, cuSeqlens, neftuneAlpha)
    })
  }

  private runLayer(
    layer: DecoderLayer,
    { branch, residual }: Stream,
    context: ForwardContext,
    checkpointing = false,
  ): Stream {
    if (!checkpointing) return layer.forward({ branch, residual }, context)
    const { positions, tables } = context
    const [nextBranch, nextResidual] = checkpoint(
      (branch, residual, positions, cosines, sines) => {
        const tables = { cosines, sines }
        const next = layer.forward({ branch, residual }, { ...context, positions, tables })
        return [next.branch, next.residual as Tensor] as const
      },
      [branch, residual, positions, tables.cosines, tables.sines],
    )
    return { branch: nextBranch, residual: nextResidual }
  }

  private contextOf(batch: TokenBatch, cache: LayerCache | undefined): ForwardContext {
    const length = batch.positions.reduce((most, position) => Math.max(most, position), 0) + 1
    return {
      ...rowContext(batch),
      positions: Tensor.from(batch.positions),
      tables: this.#tables.forLength(length),
      segments: cache?.segments ?? selfSegments(batch),
      cache,
    }
  }
}

export interface DecoderOptions {
  /** Where keys and values of earlier tokens are kept. */
  cache?: LayerCache | undefined
  /** Whether each layer is recomputed in backward. Default false. */
  checkpointing?: boolean | undefined
  /** Strength of the noise on the embeddings, see `addEmbeddingNoise`. Default 0: none. */
  neftuneAlpha?: number | undefined
}
