import { record } from '../autograd/tape.js'
import { native } from '../native.js'
import { scope } from '../scope.js'
import { Tensor } from '../tensor.js'
import { mulColumns } from './elementwise.js'
import { view } from './movement.js'

/** Sum of all elements as float32 [1], in a fixed order. */
export function reduceSum(x: Tensor): Tensor {
  const y = new Tensor(native().reduceSum(x.handle))
  const { shape, dtype } = x
  record({
    inputs: [x],
    output: y,
    saved: [],
    backward: (dy) => [
      dy.constant === undefined
        ? view(mulColumns(Tensor.full([x.size, 1], 1, dtype), dy), shape)
        : Tensor.full(shape, dy.constant, dtype),
    ],
  })
  return y
}

/** x[T, C] summed over its rows, float32 [C]; outside of the tape. */
export function sumRows(x: Tensor): Tensor {
  return new Tensor(native().sumRows(x.handle))
}

/** Sum of squares over all elements of all tensors, float32 [1], in a fixed order; outside of the tape. */
export function sumSquares(xs: readonly Tensor[]): Tensor {
  return new Tensor(native().sumSquares(xs.map((x) => x.handle)))
}

/** The sum of the squares of all elements, read: finite only where all of them are, and none is beyond 1e19. */
export async function readSumSquares(xs: readonly Tensor[]): Promise<number> {
  const sum = scope(() => sumSquares(xs))
  return (await sum.item().finally(() => sum.dispose())) as number
}

/** Euclidean norm of each row of a float32 matrix [R, C], float32 [R]; outside of the tape. */
export function rowNorms(x: Tensor): Tensor {
  return new Tensor(native().rowNorms(x.handle))
}

/**
 * 1 / Euclidean norm of each row of a float32 matrix [R, C], float32 [R]; outside of the tape.
 * It is the reciprocal root mean square of a row of one element.
 */
export function reciprocalRowNorms(x: Tensor): Tensor {
  const norms = rowNorms(x)
  const column = view(norms, [norms.size, 1])
  const one = Tensor.full([1], 1)
  const [y, , rstd] = native().rmsNorm(column.handle, null, one.handle, 0)
  native().release(y)
  for (const temporary of [norms, column, one]) temporary.dispose()
  return new Tensor(rstd)
}
