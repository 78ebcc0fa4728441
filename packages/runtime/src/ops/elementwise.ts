import type { DType } from '@llft/native'
import { record } from '../autograd/tape.js'
import { native } from '../native.js'
import { Tensor } from '../tensor.js'

/** a + b, of equal shape and type. */
export function add(a: Tensor, b: Tensor): Tensor {
  const y = new Tensor(native().add(a.handle, b.handle))
  record({
    inputs: [a, b],
    output: y,
    saved: [],
    backward: (dy, _, [needsA, needsB]) => [
      needsA ? dy.retain() : undefined,
      needsB ? dy.retain() : undefined,
    ],
  })
  return y
}

/** a * b element by element, of equal shape and type. */
export function mul(a: Tensor, b: Tensor): Tensor {
  const y = new Tensor(native().mul(a.handle, b.handle))
  record({
    inputs: [a, b],
    output: y,
    saved: [a, b],
    backward: (dy, [a, b], [needsA, needsB]) => [
      needsA ? mul(dy, b) : undefined,
      needsB ? mul(dy, a) : undefined,
    ],
  })
  return y
}

/** factor * x. */
export function scale(x: Tensor, factor: number): Tensor {
  const y = new Tensor(native().scale(x.handle, factor))
  record({ inputs: [x], output: y, saved: [], backward: (dy) => [scaleGradient(dy, factor)] })
  return y
}

function scaleGradient(dy: Tensor, factor: number): Tensor {
  const dx = scale(dy, factor)
  if (dy.constant !== undefined) dx.constant = dy.constant * factor
  return dx
}

/** x[T, C] * v[C]: each column times its own factor. v is float32 or of x's type; its gradient is float32. */
export function mulColumns(x: Tensor, v: Tensor): Tensor {
  const y = new Tensor(native().mulColumns(x.handle, v.handle))
  record({
    inputs: [x, v],
    output: y,
    saved: [x, v],
    backward: (dy, [x, v], [needsX, needsV]) => [
      needsX ? mulColumns(dy, v) : undefined,
      needsV ? new Tensor(native().mulColumnsDv(dy.handle, x.handle)) : undefined,
    ],
  })
  return y
}

/** float32, bfloat16 or float16 to float32 or bfloat16; always a copy. A gradient in float32 stays so. */
export function cast(x: Tensor, dtype: DType): Tensor {
  const y = new Tensor(native().cast(x.handle, dtype))
  const from = x.dtype
  record({
    inputs: [x],
    output: y,
    saved: [],
    backward: (dy) => [dy.dtype === from || dy.dtype === 'float32' ? dy.retain() : cast(dy, from)],
  })
  return y
}

/** `x` itself where it has the type already, else a cast that takes part in the tape. */
export function asType(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : cast(x, dtype)
}

/** dst (float32) += src (float32 or bfloat16), in place, outside of the tape. */
export function accumulate(dst: Tensor, src: Tensor): void {
  native().accumulate(dst.handle, src.handle)
  dst.constant = undefined
}
