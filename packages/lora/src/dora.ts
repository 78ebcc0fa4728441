import {
  add,
  asType,
  dropout,
  type Linear,
  type LinearCall,
  type LoraArguments,
  linear,
  linearDx,
  mul,
  mulColumns,
  noGrad,
  type RowContext,
  reciprocalRowNorms,
  rowNorms,
  scale,
  scope,
  Tensor,
  view,
} from '@llft/runtime'

/** W + scale B A in float32 [out, in], outside of the tape. */
export function weightWithAdapter(base: Linear, lora: LoraArguments): Tensor {
  return noGrad(() =>
    scope(() => {
      const weight = base.weight.rows(0, base.outFeatures)
      return add(weight, linearDx(lora.b, lora.a, lora.scale))
    }),
  )
}

/** Length of each row of W + scale B A, float32 [out]: the magnitude that DoRA starts from. */
export function rowNormsWithAdapter(base: Linear, lora: LoraArguments): Tensor {
  return scope(() => rowNorms(weightWithAdapter(base, lora)))
}

/** magnitude / |W + scale B A| for each row, float32 [out]; the length is a constant to the gradient. */
export function magnitudeFactor(base: Linear, magnitude: Tensor, lora: LoraArguments): Tensor {
  return scope(() => mul(magnitude, reciprocalRowNorms(weightWithAdapter(base, lora))))
}

/** Each row of w [out, in] times its own factor [out], exactly: the factors are spread as a product with ones. */
export function scaleRows(w: Tensor, factors: Tensor): Tensor {
  return scope(() => {
    const [rows, columns] = w.shape as [number, number]
    const ones = Tensor.full([columns, 1], 1)
    return mul(w, linear(view(factors, [rows, 1]), ones))
  })
}

/** What the layer was called with. */
interface DoraInput {
  x: Tensor
  context: RowContext
  call: LinearCall
}

/**
 * y = (m / |V|) * (W x + scale B A x) + bias with V = W + scale B A, as PEFT computes it (`dora.py`):
 * with dropout, y = W x + bias + (m / |V| - 1) * W d(x) + (m / |V|) * scale B A d(x). x [T, in] -> [T, out].
 */
export function doraForward(
  base: Linear,
  magnitude: Tensor,
  lora: LoraArguments,
  { x, context, call }: DoraInput,
): Tensor {
  return scope(() => {
    const factor = magnitudeFactor(base, magnitude, lora)
    const product = { outDtype: call.outDtype, withoutBias: true }
    if (!lora.dropout) {
      const scaled = mulColumns(base.forward(x, context, { ...product, lora }), factor)
      return call.withoutBias ? scaled : addBias(scaled, base.bias)
    }
    const masked = dropout(x, lora.dropout)
    const adapted = base.forward(masked, context, { ...product, lora: { ...lora, dropout: 0 } })
    const plain = base.forward(masked, context, product)
    return add(base.forward(x, context, call), add(mulColumns(adapted, factor), scale(plain, -1)))
  })
}

/** y [T, C] + bias [C]: the bias is spread over the rows as a product with a column of ones. */
function addBias(y: Tensor, bias: Tensor | undefined): Tensor {
  if (bias === undefined) return y
  const ones = Tensor.full([y.shape[0] as number, 1], 1, y.dtype)
  return add(y, linear(ones, view(asType(bias, y.dtype), [bias.size, 1])))
}
