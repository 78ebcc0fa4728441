// A form of weights that LLFT does not have: what loads, plans and trains a model knows only `LinearWeight`.
import { join } from 'node:path'
import {
  backward,
  batchOf,
  type CausalLM,
  cast,
  DenseWeight,
  dryRun,
  FLOAT_DTYPES,
  type ForwardOptions,
  keep,
  Linear,
  type LinearLoader,
  type LinearWeight,
  type LowRank,
  linearDx,
  linearForward,
  loadModel,
  noGrad,
  planModel,
  scope,
  type Tensor,
} from '@llft/runtime'
import { expect, it } from 'vitest'
import { injectLora } from '../src/index.js'
import { GOLDEN, logitsOf } from './fixture.js'

const FOLDER = join(GOLDEN, 'qwen3-qknorm')
const BATCH = {
  ...batchOf([[5, 17, 200, 3, 9, 44, 3, 1, 2, 90, 17]]),
  targets: Int32Array.of(17, 200, 3, 9, 44, 3, 1, 2, 90, 17, -100),
}

/** bfloat16, widened for each product, whatever the model computes in. */
class ShortWeight implements LinearWeight {
  readonly dense = undefined

  constructor(private readonly stored: Tensor) {
    keep(stored)
  }

  get outFeatures(): number {
    return this.stored.shape[0] as number
  }

  get inFeatures(): number {
    return this.stored.shape[1] as number
  }

  *tensors(): Iterable<readonly [string, Tensor]> {
    yield ['weight', this.stored]
  }

  forward(x: Tensor, options: ForwardOptions): Tensor {
    return scope(() => linearForward(x, cast(this.stored, x.dtype), options))
  }

  dx(dy: Tensor, factor: number, lowRank?: LowRank): Tensor {
    return scope(() => linearDx(dy, cast(this.stored, dy.dtype), factor, lowRank))
  }

  rows(start: number, count: number): Tensor {
    return scope(() => new DenseWeight(cast(this.stored, 'float32')).rows(start, count))
  }

  dispose(): void {
    this.stored.dispose()
  }
}

const loadLinear: LinearLoader = (stored) =>
  new ShortWeight(cast(stored.tensor('weight', stored.shape, FLOAT_DTYPES), 'bfloat16'))

/** The same numbers as floats. */
async function rounded(): Promise<CausalLM> {
  const model = await loadModel(FOLDER, { dtype: 'float32' })
  for (const [path, module] of model.modules()) {
    if (!(module instanceof Linear) || path === 'lm_head') continue
    const { weight } = module
    module.weight = noGrad(
      () => new DenseWeight(scope(() => cast(cast(weight.dense as Tensor, 'bfloat16'), 'float32'))),
    )
    weight.dispose()
  }
  return model
}

async function gradientOf(model: CausalLM): Promise<Map<string, Float32Array>> {
  injectLora(model, { r: 4, targetModules: 'all-linear', initLoraWeights: false, seed: 2 })
  const { loss } = model.loss(BATCH)
  backward(loss)
  loss.dispose()
  const found = new Map<string, Float32Array>()
  for (const [name, { grad }] of model.parameters()) {
    if (grad !== undefined) found.set(name, (await grad.read()) as Float32Array)
  }
  return found
}

it('loads, is planned, computes and trains adapters as the floats that it stands for', async () => {
  const model = await loadModel(FOLDER, { dtype: 'float32', loadLinear })
  const reference = await rounded()
  expect(await logitsOf(model, BATCH)).toEqual(await logitsOf(reference, BATCH))

  const plan = await planModel(FOLDER, { dtype: 'float32', loadLinear })
  const planned = dryRun(() => {
    const built = plan.build()
    const found = [...built.parameters()].map(([name, { dtype }]) => [name, dtype])
    built.dispose()
    return found
  }).value
  expect(planned).toEqual([...model.parameters()].map(([name, { dtype }]) => [name, dtype]))
  expect(planned).toContainEqual(['model.layers.0.mlp.up_proj.weight', 'bfloat16'])

  const gradients = await gradientOf(model)
  expect(gradients.size).toBeGreaterThan(0)
  expect(gradients).toEqual(await gradientOf(reference))
  model.dispose()
  reference.dispose()
})
