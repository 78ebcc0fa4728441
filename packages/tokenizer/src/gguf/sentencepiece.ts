// SentencePiece's BPE joins the two neighbours whose joint piece has the highest score; tokenizer.json lists the pairs in the
// order in which they are joined. Source: sentencepiece `src/bpe_model.cc`.

/** The pairs of pieces that make another one, in the order of its score. */
export function mergesOfScores(
  pieces: readonly string[],
  scores: ArrayLike<number>,
): [string, string][] {
  const known = new Set(pieces)
  const merges: { pair: [string, string]; score: number }[] = []
  for (const [id, piece] of pieces.entries()) {
    for (const at of boundaries(piece)) {
      const pair: [string, string] = [piece.slice(0, at), piece.slice(at)]
      if (known.has(pair[0]) && known.has(pair[1])) merges.push({ pair, score: scores[id] ?? 0 })
    }
  }
  return merges.sort((a, b) => b.score - a.score).map(({ pair }) => pair)
}

/** Scores that let pieces be made in the order in which `merges` first makes them: 0, -1, -2 and so on. */
export function scoresOfMerges(
  tokens: readonly string[],
  merges: readonly (readonly [string, string])[],
): Float32Array {
  const made = new Set(merges.map((pair) => pair.join('')))
  const ranks = new Map([...made].map((piece, rank) => [piece, rank]))
  // What no pair makes is never the outcome of a merge; its score says nothing.
  return Float32Array.from(tokens, (token) => -(ranks.get(token) ?? made.size))
}

/** Places between two characters of a text. */
function boundaries(text: string): number[] {
  const places: number[] = []
  let at = 0
  for (const character of text) {
    at += character.length
    if (at < text.length) places.push(at)
  }
  return places
}
