import { record, recordMany } from '../autograd/tape.js'
import { native } from '../native.js'
import { Tensor } from '../tensor.js'

/** The same elements in another shape; shares memory. */
export function view(x: Tensor, shape: readonly number[]): Tensor {
  const y = sharing(x, native().view(x.handle, shape))
  const from = x.shape
  record({ inputs: [x], output: y, saved: [], backward: (dy) => [view(dy, from)] })
  return y
}

/** Rows [start, start + count) along the first axis; shares memory. */
export function sliceRows(x: Tensor, start: number, count: number): Tensor {
  const y = sharing(x, native().sliceRows(x.handle, start, count))
  const { shape } = x
  record({
    inputs: [x],
    output: y,
    saved: [],
    backward: (dy) => {
      const dx = Tensor.zeros(shape, dy.dtype)
      copy(dy, sliceRows(dx, start, count))
      return [dx]
    },
  })
  return y
}

/** Columns [start, start + count) along the last axis; a copy. */
export function sliceColumns(x: Tensor, start: number, count: number): Tensor {
  const y = new Tensor(native().sliceColumns(x.handle, start, count))
  const { shape } = x
  const after = (shape.at(-1) ?? 0) - start - count
  record({
    inputs: [x],
    output: y,
    saved: [],
    backward: (dy) => {
      const zeros = (columns: number) => Tensor.zeros([...shape.slice(0, -1), columns], dy.dtype)
      const parts = [start > 0 ? [zeros(start)] : [], [dy], after > 0 ? [zeros(after)] : []].flat()
      return [concatColumns(parts)]
    },
  })
  return y
}

/** Cuts the last axis into parts of the given widths; copies. Widths add up to the last axis. */
export function splitColumns(x: Tensor, widths: readonly number[]): Tensor[] {
  let start = 0
  const parts = widths.map((width) => {
    const part = new Tensor(native().sliceColumns(x.handle, start, width))
    start += width
    return part
  })
  const lead = x.shape.slice(0, -1)
  const { dtype } = x
  recordMany({
    inputs: [x],
    outputs: parts,
    saved: [],
    backward: (dys) => [
      concatColumns(
        dys.map((dy, index) => dy ?? Tensor.zeros([...lead, widths[index] as number], dtype)),
      ),
    ],
  })
  return parts
}

/** Joins tensors along the last axis; a copy. */
export function concatColumns(parts: readonly Tensor[]): Tensor {
  const y = new Tensor(native().concatColumns(parts.map((part) => part.handle)))
  const widths = parts.map((part) => part.shape.at(-1) ?? 1)
  record({ inputs: parts, output: y, saved: [], backward: (dy) => splitColumns(dy, widths) })
  return y
}

/** Rows of x [R, ...] by index, rows int32 [T] -> [T, ...]. */
export function gatherRows(x: Tensor, rows: Tensor): Tensor {
  const y = new Tensor(native().gatherRows(x.handle, rows.handle))
  const count = x.shape[0] as number
  record({
    inputs: [x],
    output: y,
    saved: [rows],
    backward: (dy, [rows]) => [new Tensor(native().scatterAddRows(dy.handle, rows.handle, count))],
  })
  return y
}

/** dst[rows[t]] = src[t], in place, outside of the tape. */
export function scatterRows(src: Tensor, rows: Tensor, dst: Tensor): void {
  native().scatterRows(src.handle, rows.handle, dst.handle)
  dst.constant = undefined
}

/** dst = src, cast where the types differ, in place, outside of the tape. */
export function copy(src: Tensor, dst: Tensor): void {
  native().copy(src.handle, dst.handle)
  dst.constant = undefined
}

function sharing(x: Tensor, handle: Tensor['handle']): Tensor {
  const y = new Tensor(handle)
  x.aliased = true
  y.aliased = true
  y.constant = x.constant
  return y
}
