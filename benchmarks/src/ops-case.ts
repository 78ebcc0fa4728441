import type { FloatType } from './float-type.js'
import { type MemoryCase, memoryBytes } from './memory-case.js'
import type { ModelShape } from './model-shape.js'

/** A product of a linear layer with W [out, into]: y = x W^T, dx = dy W, dw = dy^T x. */
export interface LinearCase {
  op: 'linear'
  product: 'y' | 'dx' | 'dw'
  /** Tokens. */
  rows: number
  out: number
  into: number
  dtype: FloatType
  weight: 'dense' | 'nf4' | 'int8'
}

/** Causal attention of sequences of one length. */
export interface AttentionCase {
  op: 'attention'
  sequences: number
  /** Of each sequence. */
  tokens: number
  heads: number
  kvHeads: number
  /** Of a head. */
  width: number
  /** A query sees itself and the window - 1 keys before it; 0 means all of them. */
  window: number
  backward: boolean
  dtype: FloatType
}

export type OpCase = LinearCase | AttentionCase | MemoryCase

/** What a worker is asked to do; it does not know how much work one call is. */
export type OpRequest = OpCase & { work: number }

/** Each case with its FLOPs, a multiply-add being two, or with its bytes where memory bounds it. */
export function requestOf(op: OpCase): OpRequest {
  return { ...op, work: workOf(op) }
}

function workOf(op: OpCase): number {
  if (op.op === 'linear') return 2 * op.rows * op.out * op.into
  return op.op === 'attention' ? attentionFlops(op) : memoryBytes(op)
}

/** The linear layers of a block, layers of one size once, as [name, outputs, inputs]. */
export function linearSizes(shape: ModelShape): [name: string, out: number, into: number][] {
  const { width, feedForward } = shape
  const kv = (width / shape.heads) * shape.kvHeads
  return [
    ['q,o', width, width],
    ['k,v', kv, width],
    ['gate,up', feedForward, width],
    ['down', width, feedForward],
  ]
}

/**
 * Only pairs of a query and a key that it sees count. q k^T and p v: 2 products forward. Back they are 5: q k^T again,
 * as p is not kept, dv = p^T dy, dp = dy v^T, dq = ds k and dk = ds^T q.
 */
function attentionFlops(op: AttentionCase): number {
  const seen = op.window === 0 ? op.tokens : Math.min(op.window, op.tokens)
  // The first `seen` queries see 1, 2, ... keys, the others `seen` each.
  const pairs = (seen * (seen + 1)) / 2 + (op.tokens - seen) * seen
  const products = op.backward ? 2 + 5 : 2
  return products * 2 * op.width * op.heads * op.sequences * pairs
}
