import { AbortedError } from '@llft/errors'
import { noGrad } from '../autograd/tape.js'
import type { CausalLM } from '../models/causal-lm.js'
import { sameFrequencies } from '../models/rope-frequencies.js'
import { rowContext } from '../models/token-batch.js'
import { sample } from '../ops/sample.js'
import { scope } from '../scope.js'
import type { Tensor } from '../tensor.js'
import { KvCache, type SlotTokens } from './kv-cache.js'
import { checkPrompts, contextLimit, type ResolvedOptions } from './options.js'

/** Why a sequence ended: an end token, a stop string, `maxNewTokens`, or the end of the context. */
export type FinishReason = 'eos' | 'stop' | 'length' | 'context'

/** A token for prompt `index`, or its end. The end token itself is not among the tokens. */
export type GenerationEvent =
  | { type: 'token'; index: number; id: number }
  | { type: 'end'; index: number; reason: FinishReason }

interface Row {
  index: number
  /** Prompt and what was generated. */
  ids: number[]
}

/** A step on the device whose tokens have not been read. */
interface Pending {
  readonly rows: readonly Row[]
  /** int32, one for each row. */
  readonly drawn: Tensor
}

/**
 * Prompts that are being continued together, a token for each at a time. While the tokens of a step are read, the next
 * step runs already, unless it is known that it will not be wanted.
 */
export class Decoding {
  readonly #options: ResolvedOptions
  readonly #limit: number
  readonly #cache: KvCache
  #rows: Row[]
  #ahead: Pending | undefined
  #enqueued = 0
  /** Steps that were read. */
  #steps = 0

  /** @throws DataError as `generate` does. */
  constructor(
    private readonly model: CausalLM,
    prompts: readonly (readonly number[])[],
    options: ResolvedOptions,
  ) {
    const { config, dtype } = model
    this.#options = options
    checkPrompts(prompts, config)
    this.#limit = contextLimit(config)
    this.#rows = prompts.map((prompt, index) => ({ index, ids: [...prompt] }))
    const longest = Math.max(...prompts.map((prompt) => prompt.length))
    const room = Math.min(this.#options.maxNewTokens, 128)
    this.#cache = new KvCache(config, dtype, prompts.length, Math.min(longest + room, this.#limit))
  }

  get finished(): boolean {
    return this.#rows.length === 0
  }

  /** One more token for each prompt that has not ended. */
  async step(): Promise<GenerationEvent[]> {
    this.checkAborted()
    const { rows, drawn } = this.#ahead ?? this.launch(this.#rows)
    this.#ahead = undefined
    try {
      if (this.isFollowed(rows)) this.#ahead = this.launch(rows, drawn)
      const ids = await drawn.read()
      this.#steps++
      return rows.flatMap((row, at) =>
        this.isLive(row) ? this.accept(row, ids[at] as number) : [],
      )
    } finally {
      drawn.dispose()
    }
  }

  /** Takes prompt `index` out. */
  finish(index: number): void {
    this.#rows = this.#rows.filter((row) => row.index !== index)
  }

  dispose(): void {
    this.#ahead?.drawn.dispose()
    this.#ahead = undefined
    this.#cache.dispose()
    this.#rows = []
  }

  private isLive(row: Row): boolean {
    return this.#rows.includes(row)
  }

  /** Whether all rows of a step that is being read will want another token, as far as that is known. */
  private isFollowed(rows: readonly Row[]): boolean {
    const isLast = this.#steps + 1 >= this.#options.maxNewTokens
    // Changed frequencies need all tokens anew.
    if (isLast || this.model.config.rope.scaling.type === 'longrope') return false
    return rows.every((row) => this.isLive(row) && row.ids.length + 1 < this.#limit)
  }

  /** @param drawn the last token of each row, where it has not been read. */
  private launch(rows: readonly Row[], drawn?: Tensor): Pending {
    return { rows, drawn: scope(() => noGrad(() => this.enqueue(rows, drawn))) }
  }

  private enqueue(rows: readonly Row[], drawn: Tensor | undefined): Tensor {
    if (drawn === undefined) this.followFrequencies(rows)
    const parts: SlotTokens[] = rows.map(({ index, ids }) => ({
      slot: index,
      ids: drawn === undefined ? ids.slice(this.#cache.lengthOf(index)) : [0],
    }))
    const step = this.#cache.append(parts, drawn)
    const hidden = this.model.forward(step.batch, step)
    const last = step.batch.cuSeqlens.slice(1).map((end) => end - 1)
    const seeds = rows.map(({ index }) => this.#options.seed + index)
    const logits = this.model.logits(hidden, last, rowContext(step.batch, last))
    return sample(logits, this.#options, seeds, this.#enqueued++)
  }

  /** Keys rotated for short sequences do not fit queries rotated for long ones: the cache is computed anew. */
  private followFrequencies(rows: readonly Row[]): void {
    const { rope } = this.model.config
    if (rope.scaling.type !== 'longrope') return
    const now = Math.max(...rows.map(({ ids }) => ids.length))
    const before = Math.max(...rows.map(({ index }) => this.#cache.lengthOf(index)))
    if (!sameFrequencies(rope, before, now)) this.#cache.clear()
  }

  private accept(row: Row, id: number): GenerationEvent[] {
    const { index } = row
    const { eosTokenIds, maxNewTokens } = this.#options
    if (eosTokenIds.includes(id)) return [this.end(index, 'eos')]
    row.ids.push(id)
    const token = { type: 'token', index, id } as const
    if (this.#steps >= maxNewTokens) return [token, this.end(index, 'length')]
    if (row.ids.length >= this.#limit) return [token, this.end(index, 'context')]
    return [token]
  }

  private end(index: number, reason: FinishReason): GenerationEvent {
    this.finish(index)
    return { type: 'end', index, reason }
  }

  private checkAborted(): void {
    const { signal } = this.#options
    if (signal?.aborted) {
      throw new AbortedError(
        `generate: was stopped by its AbortSignal after ${this.#steps} tokens.`,
      )
    }
  }
}
