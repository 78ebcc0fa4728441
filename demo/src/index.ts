export { type Comparison, type DemonstrateOptions, demonstrate } from './demonstrate.js'
export { MODEL_FOLDER } from './paths.js'
export type { Display } from './terminal/display.js'
