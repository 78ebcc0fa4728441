import { recordMany } from '../autograd/tape.js'
import { native } from '../native.js'
import { Tensor } from '../tensor.js'
import { asType } from './elementwise.js'

/** Normalised tensor and the sum that was normalised. */
export interface NormalisedSum {
  y: Tensor
  /** x + residual in float32; `x` itself where there is no residual. */
  sum: Tensor
}

/** y = x / sqrt(mean(x^2) + eps) * weight over the last axis (Zhang and Sennrich 2019). weight [C]. */
export function rmsNorm(x: Tensor, weight: Tensor, eps: number): Tensor {
  const [y, sum, rstd] = native().rmsNorm(x.handle, null, weight.handle, eps)
  if (sum !== null) native().release(sum)
  const output = new Tensor(y)
  tape(x, undefined, weight, { outputs: [output], normalised: x, rstd: new Tensor(rstd) })
  return output
}

/**
 * The sum of a branch and the residual stream in float32, and its norm of x's type, in one pass.
 * x, residual [..., C]; the residual is float32 or bfloat16.
 */
export function addRmsNorm(
  x: Tensor,
  residual: Tensor,
  weight: Tensor,
  eps: number,
): NormalisedSum {
  const [y, sum, rstd] = native().rmsNorm(x.handle, residual.handle, weight.handle, eps)
  const outputs = [new Tensor(y), new Tensor(sum as Tensor['handle'])] as const
  tape(x, residual, weight, { outputs, normalised: outputs[1], rstd: new Tensor(rstd) })
  return { y: outputs[0], sum: outputs[1] }
}

interface Normalised {
  outputs: readonly Tensor[]
  normalised: Tensor
  rstd: Tensor
}

function tape(
  x: Tensor,
  residual: Tensor | undefined,
  weight: Tensor,
  { outputs, normalised, rstd }: Normalised,
): void {
  const { dtype } = x
  recordMany({
    inputs: [x, residual, weight],
    outputs,
    saved: [normalised, weight, rstd],
    backward: ([dy, dsum], saved, [needsX, needsResidual, needsWeight]) => {
      const [dx, dweight] = gradients(dy, dsum, saved, needsWeight)
      return [
        needsX ? asType(dx, dtype) : undefined,
        needsResidual ? dx.retain() : undefined,
        dweight,
      ]
    },
  })
  rstd.dispose()
}

function gradients(
  dy: Tensor | undefined,
  dsum: Tensor | undefined,
  [x, weight, rstd]: readonly [Tensor, Tensor, Tensor],
  wantDweight: boolean,
): [dx: Tensor, dweight: Tensor | undefined] {
  if (dy === undefined) return [(dsum as Tensor).retain(), undefined]
  const [dx, dweight] = native().rmsNormBackward(
    dy.handle,
    x.handle,
    weight.handle,
    rstd.handle,
    dsum?.handle ?? null,
    wantDweight,
  )
  return [new Tensor(dx), dweight === null ? undefined : new Tensor(dweight)]
}
