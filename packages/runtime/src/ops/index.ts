export { type AttentionOptions, attention } from './attention.js'
export { crossEntropy, linearCrossEntropy } from './cross-entropy.js'
export { dropout, maskedBy } from './dropout.js'
export { accumulate, add, asType, cast, mul, mulColumns, scale } from './elementwise.js'
export { embedding } from './embedding.js'
export { addEmbeddingNoise } from './embedding-noise.js'
export { type LinearOptions, type LoraArguments, linear } from './linear.js'
export { DenseWeight, type LinearWeight } from './linear-weight.js'
export { type ForwardOptions, type LowRank, linearDw, linearDx, linearForward } from './matmul.js'
export {
  concatColumns,
  copy,
  gatherRows,
  scatterRows,
  sliceColumns,
  sliceRows,
  splitColumns,
  view,
} from './movement.js'
export {
  type AdafactorOptions,
  type AdafactorState,
  type AdamW8bitState,
  type AdamWOptions,
  type AdamWState,
  adafactorStep,
  adamw8bitStep,
  adamwStep,
  clipFactor,
  type LionOptions,
  lionStep,
  type SgdOptions,
  type SgdState,
  sgdStep,
} from './optimizers.js'
export {
  type BlockMatrix,
  type CodedMatrix,
  dequantizeAbsmax,
  dequantizeRows,
  embeddingQuantized,
  linearQuantized,
  linearQuantizedDx,
  NESTED_BLOCK,
  type QuantizedMatrix,
  quantize4bit,
  quantizeAbsmax,
  quantizeBlocks,
  quantizeInt8,
} from './quantized.js'
export {
  readSumSquares,
  reciprocalRowNorms,
  reduceSum,
  rowNorms,
  sumRows,
  sumSquares,
} from './reduce.js'
export { addRmsNorm, type NormalisedSum, rmsNorm } from './rms-norm.js'
export { type RopeTables, rope } from './rope.js'
export { type SamplingOptions, sample } from './sample.js'
export { swiglu } from './swiglu.js'
