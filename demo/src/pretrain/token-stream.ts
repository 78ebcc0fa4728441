import type { TokenBatch } from '@llft/runtime'
import type { Tokenizer } from '@llft/tokenizer'
import type { Document } from './corpus.js'

/** Token ids of one document or of a piece of a long one, at most the context. */
export type Piece = readonly number[]

/** The pieces of the corpus: those to train on, and every `holdOutEvery`-th document's to evaluate on. */
export function tokenizeCorpus(
  tokenizer: Tokenizer,
  documents: readonly Document[],
  { context, holdOutEvery }: { context: number; holdOutEvery: number },
): { training: Piece[]; heldOut: Piece[] } {
  const end = tokenizer.tokenToId('<|endoftext|>')!
  const training: Piece[] = []
  const heldOut: Piece[] = []
  for (const [index, document] of documents.entries()) {
    const ids =
      document.kind === 'chat'
        ? tokenizer.encodeChat(document.messages)
        : [...tokenizer.encode(document.text), end]
    ;(index % holdOutEvery === holdOutEvery - 1 ? heldOut : training).push(...pieces(ids, context))
  }
  return { training, heldOut }
}

/** Pieces overlap by one token, so that each token but the first is predicted once. */
function pieces(ids: Piece, context: number): Piece[] {
  const out: Piece[] = []
  for (let start = 0; start + 1 < ids.length; start += context - 1) {
    out.push(ids.slice(start, start + context))
  }
  return out
}

/**
 * Batches of one epoch: pieces in an order drawn from `seed` and `epoch`, packed until `tokens` are reached. A piece
 * never sees another's tokens.
 */
export function* epochBatches(
  all: readonly Piece[],
  { tokens, seed, epoch }: { tokens: number; seed: number; epoch: number },
): Generator<TokenBatch> {
  let batch: Piece[] = []
  let count = 0
  for (const piece of shuffled(all, seed * 1000003 + epoch)) {
    if (count + piece.length > tokens && count > 0) {
      yield packPieces(batch)
      batch = []
      count = 0
    }
    batch.push(piece)
    count += piece.length
  }
  if (count > 0) yield packPieces(batch)
}

/** Lays pieces end to end; the target of each token is the next of its piece. */
export function packPieces(batch: readonly Piece[]): Required<TokenBatch> {
  const ids = batch.flat()
  const targets = batch.flatMap((piece) => [...piece.slice(1), -100])
  const positions = batch.flatMap((piece) => piece.map((_, index) => index))
  const starts = [0]
  for (const piece of batch) starts.push(starts.at(-1)! + piece.length)
  return {
    ids: Int32Array.from(ids),
    targets: Int32Array.from(targets),
    positions: Int32Array.from(positions),
    cuSeqlens: Int32Array.from(starts),
  }
}

/** Fisher-Yates over xorshift32. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const out = [...items]
  let state = seed | 0 || 1
  for (let i = out.length - 1; i > 0; i--) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    const j = (state >>> 0) % (i + 1)
    ;[out[i], out[j]] = [out[j]!, out[i]!]
  }
  return out
}
