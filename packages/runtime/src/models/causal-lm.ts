import { DataError } from '@llft/errors'
import { LinearModule, type RowContext, TiedLinear } from '../nn/index.js'
import { crossEntropy, linearCrossEntropy } from '../ops/cross-entropy.js'
import { asType } from '../ops/elementwise.js'
import { gatherRows } from '../ops/movement.js'
import { scope } from '../scope.js'
import { Tensor } from '../tensor.js'
import { buildLinear } from './build.js'
import type { DecoderConfig } from './decoder-config.js'
import { LanguageModel, type Loss, type LossOptions, requireBelow } from './language-model.js'
import { IGNORED_TARGET, rowContext, type TokenBatch } from './token-batch.js'
import type { WeightSource } from './weight-source.js'

/** Rows that the head is given, and what it may know of them. */
interface HeadInput {
  readonly hidden: Tensor
  readonly context: RowContext
}

/** A decoder with an output head over the vocabulary. Children: `model`, `lm_head`. */
export class CausalLM extends LanguageModel {
  static readonly head = 'CausalLM'
  override readonly lossOptions = ['labelSmoothing', 'neftuneAlpha'] as const
  readonly taskType = 'CAUSAL_LM'

  constructor(config: DecoderConfig, source: WeightSource) {
    super(config, source)
    const shape = [config.vocabulary, config.width] as const
    const head = config.tiedEmbeddings
      ? new TiedLinear(this.decoder.embedding)
      : buildLinear(source, 'lm_head', shape, false)
    this.addChild('lm_head', head)
  }

  /**
   * Logits in float32 [T, V], or of the given rows alone.
   *
   * @param context of the rows that are asked for. Default: that of a batch that names no adapters.
   */
  logits(hidden: Tensor, rows?: Int32Array, context: RowContext = {}): Tensor {
    return scope(() => {
      const wanted = rows === undefined ? hidden : gatherRows(hidden, Tensor.from(rows))
      return this.head.forward(wanted, context, { outDtype: 'float32' })
    })
  }

  /**
   * Sum over the targets that are not -100 of -log p(target); with `labelSmoothing` s, of (1 - s) times that plus s times
   * the mean of -log p over the vocabulary. Only their rows reach the head, and logits never exist whole while the head is a
   * plain matrix. With nothing to count the loss is 0 and has no tape.
   *
   * @throws DataError if the batch has no targets.
   */
  loss(batch: TokenBatch, options: LossOptions = {}): Loss {
    const { targets } = batch
    if (targets === undefined) throw new DataError('loss: the batch must have targets; got none.')
    requireBelow(targets, this.config.vocabulary, 'targets', { ignored: true })
    const rows = Int32Array.from(targets.keys()).filter((row) => targets[row] !== IGNORED_TARGET)
    const countedTokens = rows.length
    if (countedTokens === 0) return { loss: Tensor.zeros([1]), countedTokens }
    const loss = scope(() => {
      const hidden = this.forward(batch, undefined, options)
      const all = countedTokens === targets.length
      const counted = all ? hidden : gatherRows(hidden, Tensor.from(rows))
      const wanted = Tensor.from(rows.map((row) => targets[row] as number))
      const input = { hidden: counted, context: rowContext(batch, rows) }
      return this.lossOf(input, wanted, options.labelSmoothing)
    })
    return { loss, countedTokens }
  }

  private get head(): LinearModule {
    return this.child('lm_head', LinearModule)
  }

  private lossOf({ hidden, context }: HeadInput, targets: Tensor, smoothing?: number): Tensor {
    const weight = this.head.plainWeight()
    if (weight !== undefined) {
      return linearCrossEntropy(hidden, asType(weight, hidden.dtype), targets, smoothing)
    }
    const logits = this.head.forward(hidden, context, { outDtype: 'float32' })
    return crossEntropy(logits, targets, smoothing)
  }
}
