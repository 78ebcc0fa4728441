import { injectLora } from '@llft/lora'
import { loadQuantizedModel, type QuantizationOptions, QuantizedWeight } from '@llft/quant'
import {
  asType,
  batchOf,
  type CausalLM,
  DenseWeight,
  keep,
  Linear,
  loadModel,
  noGrad,
  scope,
} from '@llft/runtime'
import { adapterGradients, readNow, startAdapter, trainAdapter } from './adapter.js'
import { readRows, trainingBatch } from './batches.js'
import { boundsOf, type ComputeDtype } from './bounds.js'
import type { GoldenCase } from './cases.js'
import { compare, compareEach } from './compare.js'
import type { Finding } from './report.js'

/** How the base model of a run is quantised. */
export const BASES = {
  nf4: { format: 'nf4', doubleQuantization: false },
  'nf4-double': { format: 'nf4', doubleQuantization: true },
  fp4: { format: 'fp4', doubleQuantization: false },
  int8: { format: 'int8' },
} as const satisfies Record<string, QuantizationOptions>
export type Base = keyof typeof BASES

/**
 * Runs one case on a quantised base, next to the same model with the dequantised matrices as floats: what the reference
 * says of the float weights does not apply to either.
 */
export async function runBaseCase(
  golden: GoldenCase,
  dtype: ComputeDtype,
  base: Base,
): Promise<Finding[]> {
  // What is compared is the codes; fixed point has an error of its own, which native tests bound.
  const options = { dtype, quantization: { ...BASES[base], fixedPoint: false } }
  const model = await loadQuantizedModel(golden.modelFolder, options)
  try {
    const twin = await dequantizedTwin(golden.modelFolder, model, dtype)
    try {
      return findingsOf(golden, dtype, await measure(golden, model), await measure(golden, twin))
    } finally {
      twin.dispose()
    }
  } finally {
    model.dispose()
  }
}

/** @throws if the model has no quantised layer */
async function dequantizedTwin(
  folder: string,
  model: CausalLM,
  dtype: ComputeDtype,
): Promise<CausalLM> {
  const twin = await loadModel(folder, { dtype })
  let replaced = 0
  for (const [path, module] of model.modules()) {
    if (!(module instanceof Linear) || !(module.weight instanceof QuantizedWeight)) continue
    const layer = twin.getModule(path) as Linear
    const { weight } = module
    layer.weight.dispose()
    layer.weight = new DenseWeight(
      keep(noGrad(() => scope(() => asType(weight.rows(0, weight.outFeatures), dtype)))),
    )
    replaced++
  }
  if (replaced === 0) throw new Error(`${folder}: must have quantised layers; got none.`)
  return twin
}

interface Measured {
  logits: Float32Array
  loss: number[]
  lora_grad: Map<string, Float32Array>
  train_losses: readonly number[]
}

async function measure(golden: GoldenCase, model: CausalLM): Promise<Measured> {
  const rows = readRows(golden)
  const logits = await readNow(() => model.logits(model.forward(batchOf(rows.ids))))
  let counted = 0
  const sum = await readNow(() => {
    const { loss, countedTokens } = model.loss(trainingBatch(rows))
    counted = countedTokens
    return loss
  })
  const { r, lora_alpha: alpha, target_modules: targetModules } = golden.settings
  injectLora(model, { r, alpha, targetModules })
  startAdapter(model, golden)
  return {
    logits,
    loss: [sum[0]! / counted],
    lora_grad: await adapterGradients(model, rows),
    train_losses: await trainAdapter(model, rows, golden),
  }
}

/** The spread of the reference is that of other weights, and two forms of the same ones differ less: the floors hold. */
function findingsOf(
  golden: GoldenCase,
  dtype: ComputeDtype,
  actual: Measured,
  expected: Measured,
): Finding[] {
  const bounds = boundsOf(golden.kind, dtype)
  const plain = (quantity: 'logits' | 'loss' | 'train_losses'): Finding => {
    const bound = bounds[quantity]
    const found = compare(actual[quantity], expected[quantity], bound)
    return { case: golden.name, quantity, bound, ...found }
  }
  const bound = bounds.lora_grad
  const gradients = compareEach(actual.lora_grad, expected.lora_grad, bound)
  return [
    plain('logits'),
    plain('loss'),
    { case: golden.name, quantity: 'lora_grad', bound, ...gradients },
    plain('train_losses'),
  ]
}
