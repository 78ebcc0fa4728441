import type { RowContext } from '../nn/index.js'
import type { RopeTables } from '../ops/rope.js'
import type { Tensor } from '../tensor.js'

/** Keys and values that a layer reads. */
export interface KeysValues {
  /** [S, Hkv, Dh]. */
  k: Tensor
  v: Tensor
}

/** Where the layers of one forward put their new keys and values, and what they read instead. */
export interface LayerCache {
  /** int32 [T] in place of the ids of the batch, where only the device knows them yet. */
  readonly ids?: Tensor | undefined
  /** Attention segments into the cached rows. */
  readonly segments: readonly number[]
  /** Stores the keys and values of the batch's tokens and returns those of everything so far. */
  write(layer: number, k: Tensor, v: Tensor): KeysValues
}

/** What every layer of one forward needs besides its input. */
export interface ForwardContext extends RowContext {
  /** int32 [T]. */
  positions: Tensor
  tables: RopeTables
  segments: readonly number[]
  cache: LayerCache | undefined
}
