import { record, tracked } from '../autograd/tape.js'
import { native } from '../native.js'
import { Tensor } from '../tensor.js'
import { mulColumns, scale } from './elementwise.js'
import { view } from './movement.js'

/**
 * Sum over rows of the cross entropy of softmax(x w^T) against labels; rows labelled -100 count nothing.
 * x [T, D], w [V, D] of x's type, labels int32 [T] -> float32 [1]. Logits exist for a chunk of rows at a time only;
 * the gradients are computed with the loss, where they are wanted.
 *
 * @param smoothing part of each target, in [0, 1), that all V share: (1 - s) -log p(label) + s mean(-log p). Default 0.
 */
export function linearCrossEntropy(x: Tensor, w: Tensor, labels: Tensor, smoothing = 0): Tensor {
  const [loss, dx, dw] = native().linearCrossEntropy(
    x.handle,
    w.handle,
    labels.handle,
    smoothing,
    tracked(x),
    tracked(w),
  )
  return withGradients(loss, [x, w], [dx, dw])
}

/** The same of logits [T, V] in float32 or bfloat16: float32 [1]. */
export function crossEntropy(logits: Tensor, labels: Tensor, smoothing = 0): Tensor {
  const [loss, dlogits] = native().crossEntropy(
    logits.handle,
    labels.handle,
    smoothing,
    tracked(logits),
  )
  return withGradients(loss, [logits], [dlogits])
}

type Handle = Tensor['handle']

function withGradients(
  loss: Handle,
  inputs: readonly Tensor[],
  gradients: readonly (Handle | null)[],
): Tensor {
  const y = new Tensor(loss)
  const saved = gradients.map((handle) => (handle === null ? undefined : new Tensor(handle)))
  record({
    inputs,
    output: y,
    saved,
    backward: (dy, saved) => saved.map((gradient) => gradient && timesScalar(gradient, dy)),
  })
  for (const gradient of saved) gradient?.dispose()
  return y
}

/** gradient * dy[0]; costs nothing for the plain loss, whose dy is 1. */
function timesScalar(gradient: Tensor, dy: Tensor): Tensor {
  if (dy.constant === 1) return gradient.retain()
  if (dy.constant !== undefined) return scale(gradient, dy.constant)
  const column = view(gradient, [gradient.size, 1])
  return view(mulColumns(column, dy), gradient.shape)
}
