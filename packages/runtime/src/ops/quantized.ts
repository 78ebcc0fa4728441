import type { BlockFormat, DType, QuantFormat, QuantizedHandles } from '@llft/native'
import { native } from '../native.js'
import { Tensor } from '../tensor.js'
import type { ForwardOptions, LowRank } from './matmul.js'

// Matrices in codes, outside of the tape: nothing of them can collect a gradient.

/** Elements that share a nested absmax. */
export const NESTED_BLOCK = 256

/** A matrix [rows, columns] in the codes of bitsandbytes. */
export interface QuantizedMatrix {
  readonly format: QuantFormat
  readonly rows: number
  readonly columns: number
  /** Elements that share an absmax; of no meaning for int8. */
  readonly block: number
  /** uint8 [ceil(rows * columns / 2)], the first code in the high half of a byte; int8 [rows, columns] for int8. */
  readonly codes: Tensor
  /** float32, one per block, or per row for int8; uint8 where doubly quantised. */
  readonly absmax: Tensor
  /** float32, one per 256 absmax, where doubly quantised. */
  readonly nestedAbsmax?: Tensor | undefined
  /** float32 [1], added to each absmax where doubly quantised. */
  readonly offset?: Tensor | undefined
}

/** A matrix [rows, columns] in blocks of GGUF. */
export interface BlockMatrix {
  readonly format: BlockFormat
  readonly rows: number
  readonly columns: number
  /** uint8 [rows, bytes of a row]. */
  readonly codes: Tensor
}

/** What products and look-ups take. */
export type CodedMatrix = QuantizedMatrix | BlockMatrix

/** x [N, K], float32, bfloat16 or float16, in blocks of a power of two from 32 to 4096. absmax is NaN where x is not finite. */
export function quantize4bit(
  x: Tensor,
  format: 'nf4' | 'fp4',
  block: number,
): { codes: Tensor; absmax: Tensor } {
  const [codes, absmax] = native().quantize4bit(x.handle, format, block)
  return { codes: new Tensor(codes), absmax: new Tensor(absmax) }
}

/** x [N, K] in int8 [N, K] and, for each row, the largest magnitude over 127. */
export function quantizeInt8(x: Tensor): { codes: Tensor; absmax: Tensor } {
  const [codes, absmax] = native().quantizeInt8(x.handle)
  return { codes: new Tensor(codes), absmax: new Tensor(absmax) }
}

/**
 * x [N, K] in blocks of GGUF: uint8 [N, bytes of a row], bit for bit those of ggml's reference quantisers.
 *
 * @param importance float32 [K], the weight of the error of each column, as importance matrices hold it
 * @throws ShapeError where K is not whole blocks; DataError where x is not finite, an importance is not or below 0, or a scale is too large for float16
 */
export function quantizeBlocks(x: Tensor, format: BlockFormat, importance?: Tensor): Tensor {
  return new Tensor(native().quantizeBlocks(x.handle, format, importance?.handle ?? null))
}

/** The absmax of a 4-bit matrix, float32 [n], less its mean, in codes of the signed dynamic map. */
export function quantizeAbsmax(x: Tensor): { codes: Tensor; absmax: Tensor; offset: Tensor } {
  const [codes, absmax, offset] = native().quantize8bit(x.handle, true, NESTED_BLOCK, true)
  return {
    codes: new Tensor(codes),
    absmax: new Tensor(absmax),
    offset: new Tensor(offset as NonNullable<typeof offset>),
  }
}

/** What `quantizeAbsmax` took: float32 [n]. */
export function dequantizeAbsmax(codes: Tensor, absmax: Tensor, offset: Tensor): Tensor {
  const { handle } = codes
  return new Tensor(
    native().dequantize8bit(handle, absmax.handle, offset.handle, true, NESTED_BLOCK),
  )
}

/** Rows [start, start + count) as floats [count, columns]. */
export function dequantizeRows(w: CodedMatrix, start: number, count: number, dtype: DType): Tensor {
  return new Tensor(native().dequantizeRows(handlesOf(w), start, count, dtype))
}

/** Rows `ids` [T] of W, in codes of any format, as floats [T, columns]. */
export function embeddingQuantized(w: CodedMatrix, ids: Tensor, dtype: DType): Tensor {
  return new Tensor(native().embeddingQuantized(handlesOf(w), ids.handle, dtype))
}

/** What a product with codes may do besides. */
export interface QuantizedForwardOptions extends ForwardOptions {
  /**
   * Where the machine is faster that way (AVX2 without AVX-512; few rows of float32 on any x86), x is rounded to whole
   * numbers of 14 bits, each 64 columns with a power of two of their own. Not for training, whose gradients are those
   * of the product with the dequantised W. Default false.
   */
  fixedPoint?: boolean | undefined
}

/** y = x W^T + bias + scale * hidden matrix^T. x [..., K] -> [..., N]. */
export function linearQuantized(
  x: Tensor,
  w: CodedMatrix,
  options: QuantizedForwardOptions = {},
): Tensor {
  const { bias, lowRank, scale = 1, outDtype = x.dtype, fixedPoint = false } = options
  const handle = native().linearQuantized(
    x.handle,
    handlesOf(w),
    bias?.handle ?? null,
    lowRank?.hidden.handle ?? null,
    lowRank?.matrix.handle ?? null,
    scale,
    outDtype,
    fixedPoint,
  )
  return new Tensor(handle)
}

/** dx = factor * dy W + hidden matrix. dy [..., N] -> [..., K]. */
export function linearQuantizedDx(
  dy: Tensor,
  w: CodedMatrix,
  factor: number,
  lowRank?: LowRank,
): Tensor {
  const { hidden, matrix } = lowRank ?? {}
  const [dh, a] = [hidden?.handle ?? null, matrix?.handle ?? null]
  return new Tensor(native().linearQuantizedDx(dy.handle, handlesOf(w), factor, dh, a))
}

function handlesOf(w: CodedMatrix): QuantizedHandles {
  const { format, rows, columns } = w
  const codes = w.codes.handle
  if (!('absmax' in w)) {
    return {
      format,
      rows,
      columns,
      block: 0,
      codes,
      absmax: null,
      nestedAbsmax: null,
      offset: null,
    }
  }
  const { block, absmax, nestedAbsmax, offset } = w
  return {
    format,
    rows,
    columns,
    block,
    codes,
    absmax: absmax.handle,
    nestedAbsmax: nestedAbsmax?.handle ?? null,
    offset: offset?.handle ?? null,
  }
}
