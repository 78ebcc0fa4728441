import type { DecoderConfig } from '../models/decoder-config.js'
import type { KeysValues, LayerCache } from '../models/forward-context.js'
import type { TokenBatch } from '../models/token-batch.js'
import { scatterRows } from '../ops/movement.js'
import { keep, unscoped } from '../scope.js'
import { Tensor } from '../tensor.js'

/** Where the tokens of one forward go: their batch layout, and the cache that the layers write and read. */
export interface CacheStep extends LayerCache {
  readonly batch: TokenBatch
}

/** New tokens for one slot of the cache. */
export interface SlotTokens {
  slot: number
  ids: readonly number[]
}

/**
 * Keys and values of the tokens so far: for each layer [slots * capacity, Hkv, Dh] each, slot s in the rows from
 * s * capacity. Grows by doubling.
 */
export class KvCache {
  readonly #layers: KeysValues[]
  readonly #lengths: number[]
  #capacity: number

  /** @param capacity tokens for which there is room in each slot at first. */
  constructor(
    private readonly config: DecoderConfig,
    private readonly dtype: Tensor['dtype'],
    private readonly slots: number,
    capacity: number,
  ) {
    this.#capacity = capacity
    this.#lengths = new Array<number>(slots).fill(0)
    this.#layers = []
    unscoped(() => {
      try {
        for (let layer = 0; layer < config.layers; layer++) this.#layers.push(this.allocate())
      } catch (error) {
        this.dispose()
        throw error
      }
    })
  }

  /** Tokens that a slot holds. */
  lengthOf(slot: number): number {
    return this.#lengths[slot] ?? 0
  }

  /** Forgets everything; keeps the memory. */
  clear(): void {
    this.#lengths.fill(0)
  }

  /**
   * Makes room for the tokens and lays them out. Call it in the scope of the forward that writes them.
   * @param drawn the tokens, where only the device knows them; the ids of `parts` then only count.
   */
  append(parts: readonly SlotTokens[], drawn?: Tensor): CacheStep {
    const needed = parts.map(({ slot, ids }) => this.lengthOf(slot) + ids.length)
    this.reserve(Math.max(...needed))
    const positions: number[] = []
    const rows: number[] = []
    const starts = [0]
    const segments: number[] = []
    for (const { slot, ids } of parts) {
      const past = this.lengthOf(slot)
      const first = slot * this.#capacity
      segments.push(positions.length, ids.length, first, past + ids.length)
      for (let index = 0; index < ids.length; index++) {
        positions.push(past + index)
        rows.push(first + past + index)
      }
      starts.push(positions.length)
      this.#lengths[slot] = past + ids.length
    }
    const batch = {
      ids: Int32Array.from(parts.flatMap(({ ids }) => ids)),
      positions: Int32Array.from(positions),
      cuSeqlens: Int32Array.from(starts),
    }
    return { batch, ids: drawn, segments, write: this.writer(Tensor.from(Int32Array.from(rows))) }
  }

  dispose(): void {
    for (const { k, v } of this.#layers) {
      k.dispose()
      v.dispose()
    }
    this.#layers.length = 0
  }

  private writer(rows: Tensor): LayerCache['write'] {
    return (layer, k, v) => {
      const cached = this.#layers[layer] as KeysValues
      scatterRows(k, rows, cached.k)
      scatterRows(v, rows, cached.v)
      return cached
    }
  }

  private allocate(): KeysValues {
    const { kvHeads, headWidth } = this.config
    const shape = [this.slots * this.#capacity, kvHeads, headWidth]
    const k = keep(Tensor.empty(shape, this.dtype))
    try {
      return { k, v: keep(Tensor.empty(shape, this.dtype)) }
    } catch (error) {
      k.dispose()
      throw error
    }
  }

  private reserve(length: number): void {
    if (length <= this.#capacity) return
    const before = this.#capacity
    this.#capacity = Math.max(length, 2 * before)
    const moved = Int32Array.from(
      { length: this.slots * before },
      (_, row) => Math.floor(row / before) * this.#capacity + (row % before),
    )
    const rows = keep(Tensor.from(moved))
    try {
      for (const [layer, old] of this.#layers.entries()) {
        const next = this.allocate()
        scatterRows(old.k, rows, next.k)
        scatterRows(old.v, rows, next.v)
        this.#layers[layer] = next
        old.k.dispose()
        old.v.dispose()
      }
    } finally {
      rows.dispose()
    }
  }
}
