import { Linear, RmsNorm } from '../nn/index.js'
import type { WeightSource } from './weight-source.js'

/** A linear layer [out, in] of the checkpoint, at `path`. */
export function buildLinear(
  source: WeightSource,
  path: string,
  shape: readonly [number, number],
  bias: boolean,
): Linear {
  const weight = source.linearWeight(path, shape)
  return new Linear(weight, bias ? source.tensor(`${path}.bias`, [shape[0]], 'zeros') : undefined)
}

/** A norm over `width` columns, at `path`. */
export function buildNorm(source: WeightSource, path: string, width: number, eps: number): RmsNorm {
  return new RmsNorm(source.tensor(`${path}.weight`, [width], 'ones'), eps)
}
