import { isInDecoder, type QuantFormat } from '@llft/runtime'

/** How the linear layers of a model are stored. Embeddings, norms and the output head stay floats. */
export interface QuantizationConfig {
  /** 'nf4' and 'fp4' take 4 bits an element, 'int8' takes 8. Default 'nf4'. */
  readonly format: QuantFormat
  /** Elements that share a scale in the 4-bit formats: a power of two from 32 to 4096. Default 64. */
  readonly blockSize: number
  /** Whether the scales of the 4-bit formats are quantised as well: 4.13 bits an element, not 4.5. Default true. */
  readonly doubleQuantization: boolean
  /** Names of layers that stay floats, as their path ends, or parts of it: 'mlp', 'layers.0'. Default 'lm_head', always among them. */
  readonly skip: readonly string[]
  /** Type of activations, unless `dtype` says it. Default: as `dtype: 'auto'`. */
  readonly computeDtype: 'float32' | 'bfloat16' | undefined
  /**
   * Whether generation and evaluation may round activations to whole numbers of 14 bits on machines that are faster
   * that way; training never does. False: the product with the dequantised weights everywhere. Default true.
   */
  readonly fixedPoint: boolean
}

/** One line that says how the weights are stored, such as for a log. */
export function describeQuantization(config: QuantizationConfig): string {
  const { format, blockSize, doubleQuantization, skip } = config
  const floats = `floats: embeddings, norms, ${skip.join(', ')}`
  if (format === 'int8') return `int8, one scale a row, 8 bits a weight; ${floats}`
  const bits = 4 + (doubleQuantization ? (8 + 32 / 256) / blockSize : 32 / blockSize)
  const nested = doubleQuantization ? ', scales quantised to 8 bits' : ', scales float32'
  return `${format}, blocks of ${blockSize}${nested}, ${bits.toFixed(2)} bits a weight; ${floats}`
}

/** Whether the layer at `path` stays floats: heads do, whatever their names. */
export function isSkipped({ skip }: QuantizationConfig, path: string): boolean {
  return !isInDecoder(path) || skip.some((name) => `.${path}.`.includes(`.${name}.`))
}
