export { backward, backwardInTurns } from './backward.js'
export { checkpoint } from './checkpoint.js'
export { type RandomState, randomState, setRandomState, wholeBlocks } from './random.js'
export { gradEnabled, isRecording, noGrad, record, recordMany, tracked, withGrad } from './tape.js'
