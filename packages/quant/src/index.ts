export {
  describeQuantization,
  type QuantizationConfig,
  type QuantizationOptions,
  quantizationConfig,
} from './config.js'
export {
  type LoadQuantizedOptions,
  loadQuantizedModel,
  type QuantizedLoader,
  quantizedLoader,
  quantizeLinear,
} from './load-quantized.js'
export { QuantizedWeight } from './quantized-weight.js'
export { type SaveQuantizedOptions, saveQuantizedModel } from './save-quantized.js'
export { storedQuantization } from './stored-config.js'
