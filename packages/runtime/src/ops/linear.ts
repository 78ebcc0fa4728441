import type { DType } from '@llft/native'
import { type RandomState, takeRandom } from '../autograd/random.js'
import { noGrad, record, tracked } from '../autograd/tape.js'
import { scope } from '../scope.js'
import { Tensor } from '../tensor.js'
import { maskedBy } from './dropout.js'
import { add, asType } from './elementwise.js'
import type { LinearWeight } from './linear-weight.js'
import { type ForwardOptions, type LowRank, linearDw, linearDx, linearForward } from './matmul.js'
import { view } from './movement.js'
import { sumRows } from './reduce.js'

/** An adapter: y += scale * (dropout(x) A^T) B^T. A [R, K], B [N, R], float32 masters or of x's type. */
export interface LoraArguments {
  a: Tensor
  b: Tensor
  scale: number
  /** Probability of dropout on the adapter's input. Default 0. */
  dropout?: number | undefined
}

export interface LinearOptions {
  /** [N], of x's type. */
  bias?: Tensor | undefined
  lora?: LoraArguments | undefined
  /** Default: the type of x. */
  outDtype?: DType | undefined
}

/**
 * y = x W^T + bias [+ scale * (dropout(x) A^T) B^T]. x [..., K], W [N, K] of x's type or a storage -> y [..., N].
 *
 * The adapter is added in the same accumulation as the product (Hu et al. 2021). Gradients:
 * dh = scale * dy B, dx = dy W + dropout(dh A), dA = dh^T dropout(x), dB = scale * dy^T h; those of parameters in
 * float32. A frozen W costs no dW, and x is saved only where dA or dW needs it.
 */
export function linear(
  x: Tensor,
  weight: Tensor | LinearWeight,
  options: LinearOptions = {},
): Tensor {
  const { lora, bias, outDtype } = options
  return lora === undefined
    ? plainLinear(x, weight, { bias, outDtype })
    : loraLinear(x, weight, { bias, outDtype }, lora)
}

function plainLinear(x: Tensor, weight: Tensor | LinearWeight, options: ForwardOptions): Tensor {
  const y = product(x, weight, options)
  const w = denseOf(weight)
  const { dtype } = x
  record({
    inputs: [x, w, options.bias],
    output: y,
    saved: [tracked(w) ? x : undefined, w],
    backward: (dy, [x, w], [needsX, needsW, needsBias]) => {
      const grad = asType(dy, dtype)
      return [
        needsX ? productDx(grad, w ?? weight) : undefined,
        needsW && x !== undefined ? linearDw(rows(grad), rows(x), 1) : undefined,
        needsBias ? sumRows(rows(dy)) : undefined,
      ]
    },
  })
  return y
}

function loraLinear(
  x: Tensor,
  weight: Tensor | LinearWeight,
  options: ForwardOptions,
  lora: LoraArguments,
): Tensor {
  const { dtype } = x
  const { scale: factor, dropout: p = 0 } = lora
  const random = p > 0 ? takeRandom(x.size) : undefined
  const w = denseOf(weight)
  return scope(() => {
    const [a, b] = noGrad(() => [asType(lora.a, dtype), asType(lora.b, dtype)] as const)
    const h = linearForward(rows(dropped(x, p, random)), a)
    const y = product(x, weight, { ...options, lowRank: { hidden: h, matrix: b }, scale: factor })
    const keepsX = tracked(w) || tracked(lora.a)
    record({
      inputs: [x, w, options.bias, lora.a, lora.b],
      output: y,
      saved: [keepsX ? x : undefined, w, a, b, tracked(lora.b) ? h : undefined],
      backward: (dy, [x, w, a, b, h], [needsX, needsW, needsBias, needsA, needsB]) => {
        const grad = rows(asType(dy, dtype))
        const dh = needsX || needsA ? linearDx(grad, b, factor) : undefined
        const masked = needsA && x !== undefined ? rows(dropped(x, p, random)) : undefined
        return [
          needsX && dh ? loraDx(asType(dy, dtype), w ?? weight, { dh, a, p, random }) : undefined,
          needsW && x !== undefined ? linearDw(grad, rows(x), 1) : undefined,
          needsBias ? sumRows(rows(dy)) : undefined,
          dh && masked ? linearDw(dh, masked, 1) : undefined,
          needsB && h !== undefined ? linearDw(grad, h, factor) : undefined,
        ]
      },
    })
    return y
  })
}

interface AdapterGradient {
  dh: Tensor
  a: Tensor
  p: number
  random: RandomState | undefined
}

/** dy W + dropout(dh A): one product where there is no mask between the two. */
function loraDx(dy: Tensor, weight: Tensor | LinearWeight, adapter: AdapterGradient): Tensor {
  const { dh, a, p, random } = adapter
  if (random === undefined) return productDx(dy, weight, { hidden: dh, matrix: a })
  const base = productDx(dy, weight)
  const path = view(linearDx(dh, a, 1), base.shape)
  return add(base, maskedBy(path, p, random))
}

function product(x: Tensor, weight: Tensor | LinearWeight, options: ForwardOptions): Tensor {
  return weight instanceof Tensor ? linearForward(x, weight, options) : weight.forward(x, options)
}

function productDx(dy: Tensor, weight: Tensor | LinearWeight, lowRank?: LowRank): Tensor {
  return weight instanceof Tensor ? linearDx(dy, weight, 1, lowRank) : weight.dx(dy, 1, lowRank)
}

function denseOf(weight: Tensor | LinearWeight): Tensor | undefined {
  return weight instanceof Tensor ? weight : weight.dense
}

function dropped(x: Tensor, p: number, random: RandomState | undefined): Tensor {
  return random === undefined ? x : maskedBy(x, p, random)
}

/** [..., C] as a matrix [rows, C]; the tensor itself where it is one. */
function rows(x: Tensor): Tensor {
  const columns = x.shape.at(-1) as number
  return x.shape.length === 2 ? x : noGrad(() => view(x, [x.size / columns, columns]))
}
