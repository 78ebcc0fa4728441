import { type Batches, batches, type Example } from '@llft/data'
import type { Tokenizer } from '@llft/tokenizer'
import type { Document } from './corpus.js'

interface StreamOptions {
  /** Most tokens of a piece. */
  context: number
  /** Every so many documents one is held out. */
  holdOutEvery: number
}

/** The corpus in pieces of at most `context` tokens, each token to be learnt: to train on, and held out. */
export function tokenizeCorpus(
  tokenizer: Tokenizer,
  documents: readonly Document[],
  { context, holdOutEvery }: StreamOptions,
): { training: Example[]; heldOut: Example[] } {
  const end = tokenizer.tokenToId('<|endoftext|>')!
  const training: Example[] = []
  const heldOut: Example[] = []
  for (const [index, document] of documents.entries()) {
    const ids =
      document.kind === 'chat'
        ? tokenizer.encodeChat(document.messages)
        : [...tokenizer.encode(document.text), end]
    const part = index % holdOutEvery === holdOutEvery - 1 ? heldOut : training
    part.push(...pieces(Int32Array.from(ids), context, index))
  }
  return { training, heldOut }
}

/** Pieces overlap by one token, so that each token but the first is predicted once. */
function pieces(ids: Int32Array, context: number, index: number): Example[] {
  const out: Example[] = []
  for (let start = 0; start + 1 < ids.length; start += context - 1) {
    const piece = ids.slice(start, start + context)
    out.push({ ids: piece, labels: piece, source: { index } })
  }
  return out
}

/** One epoch in packed batches of at most `tokens` tokens. */
export function packedEpoch(
  examples: readonly Example[],
  { tokens, seed, epoch }: { tokens: number; seed: number; epoch: number },
): Batches {
  return batches(examples, { packing: true, maxTokens: tokens, seed, epoch })
}
