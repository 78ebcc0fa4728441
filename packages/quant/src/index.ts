export type { BitsAndBytesOptions } from './bitsandbytes-config.js'
export { describeQuantization, type QuantizationConfig } from './config.js'
export {
  type LoadQuantizedOptions,
  loadQuantizedModel,
  loadQuantizedModelAs,
  type QuantizedLoader,
  quantizedLoader,
  quantizeLinear,
} from './load-quantized.js'
export {
  type QuantizationOptions,
  type QuantizationSettings,
  quantizationConfig,
} from './options.js'
export { QuantizedWeight } from './quantized-weight.js'
export { type SaveQuantizedOptions, saveQuantizedModel } from './save-quantized.js'
export { storedQuantization } from './stored-config.js'
