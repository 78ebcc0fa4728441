/** Where dropout stands in its stream of random numbers. */
export interface RandomState {
  seed: number
  /** Counter of the next element to draw for. */
  offset: number
}

let state: RandomState = { seed: 0, offset: 0 }

/** The state of dropout's random numbers, to be saved with a checkpoint. */
export function randomState(): RandomState {
  return { ...state }
}

/** Sets the state of dropout's random numbers: the same state gives the same masks. */
export function setRandomState(next: RandomState): void {
  state = { ...next }
}

/** Takes `count` elements of the stream and returns where they start. */
export function takeRandom(count: number): RandomState {
  const taken = { ...state }
  // Whole blocks of four, as Philox draws them, so that two masks never share a block.
  state.offset += Math.ceil(count / 4) * 4
  return taken
}
