import { record } from '../autograd/tape.js'
import { native } from '../native.js'
import { Tensor } from '../tensor.js'

/** What attention looks at. */
export interface AttentionOptions {
  /**
   * Four numbers for each sequence: query start, query count, key start, key count. Query i of a sequence stands at
   * key position (key count - query count + i).
   */
  segments: readonly number[]
  /** Factor on the scores. Default 1 / sqrt(Dh). */
  scale?: number | undefined
  /** A query sees itself and the window - 1 keys before it; 0, the default, means all of them. */
  window?: number | undefined
}

/**
 * Causal attention within each sequence (Vaswani et al. 2017), grouped queries (Ainslie et al. 2023) by index.
 * q [T, H, Dh]; k, v [S, Hkv, Dh] -> [T, H, Dh].
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const { segments, window = 0 } = options
  const scale = options.scale ?? 1 / Math.sqrt(q.shape.at(-1) as number)
  const [out, logSumExp] = native().attention(q.handle, k.handle, v.handle, segments, scale, window)
  const y = new Tensor(out)
  const lse = new Tensor(logSumExp)
  record({
    inputs: [q, k, v],
    output: y,
    saved: [q, k, v, y, lse],
    backward: (dy, saved, [needsQ, needsK, needsV]) => {
      const [q, k, v, o, lse] = saved.map((tensor) => tensor.handle) as Handles
      const grads = native().attentionBackward(dy.handle, q, k, v, o, lse, segments, scale, window)
      const [dq, dk, dv] = grads.map((handle) => new Tensor(handle))
      return [needsQ ? dq : undefined, needsK ? dk : undefined, needsV ? dv : undefined]
    },
  })
  lse.dispose()
  return y
}

type Handle = Tensor['handle']
type Handles = [Handle, Handle, Handle, Handle, Handle]
