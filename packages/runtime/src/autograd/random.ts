/** Where dropout stands in its stream of random numbers. */
export interface RandomState {
  seed: number
  /** Counter of the next element to draw for. */
  offset: number
}

/** `count` elements as Philox draws them: in blocks of four, which two tensors must not share. */
export function wholeBlocks(count: number): number {
  return Math.ceil(count / 4) * 4
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
  state.offset += wholeBlocks(count)
  return taken
}
