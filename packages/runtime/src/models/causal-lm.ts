import { DataError } from '@llft/errors'
import type { DType } from '@llft/native'
import { LinearModule, Module, TiedLinear } from '../nn/index.js'
import { crossEntropy, linearCrossEntropy } from '../ops/cross-entropy.js'
import { asType } from '../ops/elementwise.js'
import { gatherRows } from '../ops/movement.js'
import { scope } from '../scope.js'
import { Tensor } from '../tensor.js'
import { buildLinear } from './build.js'
import { Decoder } from './decoder.js'
import type { DecoderConfig } from './decoder-config.js'
import type { LayerCache } from './forward-context.js'
import { IGNORED_TARGET, type TokenBatch } from './token-batch.js'
import type { WeightSource } from './weight-source.js'

/** Sum of cross entropies and the number of tokens in it. */
export interface Loss {
  /** float32 [1], in nats. */
  loss: Tensor
  countedTokens: number
}

/** A decoder with an output head: the model of a checkpoint. Children: `model`, `lm_head`. */
export class CausalLM extends Module {
  /** Recompute each layer in backward instead of keeping its activations. Default false. */
  gradientCheckpointing = false
  /** Type of the activations. */
  readonly dtype: DType

  constructor(
    readonly config: DecoderConfig,
    source: WeightSource,
  ) {
    super()
    this.dtype = source.dtype
    const decoder = this.addChild('model', new Decoder(config, source, 'model'))
    const shape = [config.vocabulary, config.width] as const
    const head = config.tiedEmbeddings
      ? new TiedLinear(decoder.embedding)
      : buildLinear(source, 'lm_head', shape, false)
    this.addChild('lm_head', head)
  }

  /** Hidden states after the final norm, [T, D]. */
  forward(batch: TokenBatch, cache?: LayerCache): Tensor {
    this.checkIds(batch)
    return this.child('model', Decoder).forward(batch, {
      cache,
      checkpointing: this.gradientCheckpointing,
    })
  }

  /** Logits in float32 [T, V], or of the given rows alone. */
  logits(hidden: Tensor, rows?: Int32Array): Tensor {
    return scope(() => {
      const wanted = rows === undefined ? hidden : gatherRows(hidden, Tensor.from(rows))
      return this.head.forward(wanted, { outDtype: 'float32' })
    })
  }

  /**
   * Sum over the targets that are not -100 of -log p(target). Only their rows reach the head, and logits never exist
   * whole while the head is a plain matrix. With nothing to count the loss is 0 and has no tape.
   *
   * @throws DataError if the batch has no targets.
   */
  loss(batch: TokenBatch): Loss {
    const { targets } = batch
    if (targets === undefined) throw new DataError('loss: the batch must have targets; got none.')
    const rows = Int32Array.from(targets.keys()).filter((row) => targets[row] !== IGNORED_TARGET)
    const countedTokens = rows.length
    if (countedTokens === 0) return { loss: Tensor.zeros([1]), countedTokens }
    const loss = scope(() => {
      const hidden = this.forward(batch)
      const all = countedTokens === targets.length
      const counted = all ? hidden : gatherRows(hidden, Tensor.from(rows))
      return this.lossOf(counted, Tensor.from(rows.map((row) => targets[row] as number)))
    })
    return { loss, countedTokens }
  }

  private get head(): LinearModule {
    return this.child('lm_head', LinearModule)
  }

  private lossOf(hidden: Tensor, targets: Tensor): Tensor {
    const weight = this.head.plainWeight()
    if (weight !== undefined) {
      return linearCrossEntropy(hidden, asType(weight, hidden.dtype), targets)
    }
    return crossEntropy(this.head.forward(hidden, { outDtype: 'float32' }), targets)
  }

  private checkIds({ ids, targets }: TokenBatch): void {
    const { vocabulary } = this.config
    const outside = (id: number) => id < 0 || id >= vocabulary
    const bad = ids.findIndex(outside)
    if (bad >= 0) this.failId('token ids', ids[bad], bad)
    const wrong = targets?.findIndex((id) => id !== IGNORED_TARGET && outside(id)) ?? -1
    if (wrong >= 0) this.failId('targets', targets?.[wrong], wrong)
  }

  private failId(what: string, id: number | undefined, place: number): never {
    throw new DataError(
      `forward: ${what} must be below the vocabulary of ${this.config.vocabulary}; got ${id} at ${place}.`,
    )
  }
}
