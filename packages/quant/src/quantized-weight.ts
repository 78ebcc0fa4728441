import {
  dequantizeRows,
  type ForwardOptions,
  gradEnabled,
  keep,
  type LinearWeight,
  type LowRank,
  linearQuantized,
  linearQuantizedDx,
  noGrad,
  type QuantizedMatrix,
  quantize4bit,
  quantizeAbsmax,
  quantizeInt8,
  scope,
  type Tensor,
} from '@llft/runtime'
import type { QuantizationConfig } from './config.js'

/** The matrix of a linear layer in codes. Products expand it block by block; it never exists whole as floats. */
export class QuantizedWeight implements LinearWeight {
  /** There are no floats that could collect a gradient. */
  readonly dense = undefined

  /**
   * Whether products that want no gradient (generation, evaluation) may round activations to whole numbers of 14 bits
   * where the machine is faster that way; those of training never do.
   */
  fixedPoint = true

  /** Takes ownership of the tensors. */
  constructor(readonly matrix: QuantizedMatrix) {
    for (const [, tensor] of this.tensors()) keep(tensor)
  }

  /** Quantises x [N, K], which stays the caller's. `onAbsmax` sees the float32 absmax, NaN where x is not finite. */
  static quantize(
    x: Tensor,
    config: QuantizationConfig,
    onAbsmax?: (absmax: Tensor) => void,
  ): QuantizedWeight {
    const [rows, columns] = x.shape as [number, number]
    const { format, blockSize: block } = config
    return noGrad(() => {
      const { codes, absmax } = format === 'int8' ? quantizeInt8(x) : quantize4bit(x, format, block)
      onAbsmax?.(absmax)
      const matrix = { format, rows, columns, block, codes }
      if (format === 'int8' || !config.doubleQuantization) {
        return new QuantizedWeight({ ...matrix, absmax })
      }
      const nested = quantizeAbsmax(absmax)
      absmax.dispose()
      const { codes: absmaxCodes, absmax: nestedAbsmax, offset } = nested
      return new QuantizedWeight({ ...matrix, absmax: absmaxCodes, nestedAbsmax, offset })
    })
  }

  get outFeatures(): number {
    return this.matrix.rows
  }

  get inFeatures(): number {
    return this.matrix.columns
  }

  *tensors(): Iterable<readonly [string, Tensor]> {
    const { codes, absmax, nestedAbsmax, offset } = this.matrix
    yield ['weight', codes]
    yield ['weight.absmax', absmax]
    if (nestedAbsmax !== undefined) yield ['weight.nested_absmax', nestedAbsmax]
    if (offset !== undefined) yield ['weight.nested_offset', offset]
  }

  forward(x: Tensor, options: ForwardOptions): Tensor {
    return linearQuantized(x, this.matrix, {
      ...options,
      fixedPoint: this.fixedPoint && !gradEnabled(),
    })
  }

  dx(dy: Tensor, factor: number, lowRank?: LowRank): Tensor {
    return linearQuantizedDx(dy, this.matrix, factor, lowRank)
  }

  rows(start: number, count: number): Tensor {
    return scope(() => dequantizeRows(this.matrix, start, count, 'float32'))
  }

  dispose(): void {
    for (const [, tensor] of this.tensors()) tensor.dispose()
  }
}
