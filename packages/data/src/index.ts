export { ConfigError, DataError } from '@llft/errors'
export type { TrainOn } from './answer-spans.js'
export { type Batches, type BatchOptions, batches } from './batches.js'
export { type Batch, type CollateOptions, collate } from './collate.js'
export { type DataInput, type Dataset, type LoadOptions, loadDataset } from './dataset.js'
export { type Example, IGNORED, trainedTokens } from './example.js'
export type { ColumnMap, DataFormat } from './formats.js'
export { type HoldoutOptions, splitHoldout } from './holdout.js'
export { pack } from './pack.js'
export { formatPlain } from './plain-format.js'
export { preview } from './preview.js'
export { permutation, philox } from './random.js'
export { readRows } from './read-rows.js'
export type { DocumentRule } from './read-text.js'
export type { ChatSample, CompletionSample, Sample, TextSample } from './sample.js'
export { type Source, type SourcedRow, sourceName } from './source.js'
export {
  type DataReport,
  formatReport,
  type TokenizedDataset,
  type TokenizeOptions,
  tokenizeDataset,
} from './tokenize-dataset.js'
export { type SampleOptions, tokenizeSample } from './tokenize-sample.js'
