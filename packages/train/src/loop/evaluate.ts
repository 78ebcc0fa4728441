import { type Loss, type LossOptions, noGrad, type TokenBatch } from '@llft/runtime'

/** A model as training sees it. */
export interface LossModel<B> {
  /** Which options its `loss` heeds. Default none: a run that is to have one is refused. */
  readonly lossOptions?: readonly (keyof LossOptions)[] | undefined
  /** Sum of the cross entropies of the batch and the number of tokens in it. Only training gives `options`. */
  loss(batch: B, options?: LossOptions): Loss
}

/** Loss over a set of batches. */
export interface Evaluation {
  /** Mean cross entropy over all counted tokens, in nats; NaN where none is counted. */
  readonly loss: number
  /** Counted tokens. */
  readonly tokens: number
}

/**
 * The mean loss of `model` over `batches`, each token weighing the same. The tape is off, and dropout with it.
 * One batch is enqueued while the one before it is read; an aborted `signal` ends the evaluation early.
 */
export async function evaluate<B extends TokenBatch>(
  model: LossModel<B>,
  batches: Iterable<B> | AsyncIterable<B>,
  signal?: AbortSignal,
): Promise<Evaluation> {
  let sum = 0
  let tokens = 0
  let pending: Promise<number> = Promise.resolve(0)
  for await (const batch of batches) {
    if (signal?.aborted) break
    const { loss, countedTokens } = noGrad(() => model.loss(batch))
    const value = loss.item().finally(() => loss.dispose())
    // Awaited one turn later; without a handler a failure in between would count as unhandled.
    value.catch(() => undefined)
    sum += await pending
    pending = value
    tokens += countedTokens
  }
  sum += await pending
  return { loss: tokens === 0 ? Number.NaN : sum / tokens, tokens }
}
