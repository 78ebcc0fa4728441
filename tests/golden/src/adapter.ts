// What a case does with the adapter of a model: starts it, takes its gradients, trains it.
import { backward, type CausalLM, copy, noGrad, scope, Tensor } from '@llft/runtime'
import { AdamW, decayGroups, type Parameter, train } from '@llft/train'
import { type Rows, trainingBatch } from './batches.js'
import { type Expected, type GoldenCase, tensorsUnder } from './cases.js'

/** The names of PEFT's files put this before the path of a module. */
export const PEFT_PREFIX = 'base_model.model.'

export function adapterParameters(model: CausalLM): Parameter[] {
  return [...model.parameters()]
    .filter(([name]) => /\.lora_[AB]\.weight$/.test(name))
    .map(([name, tensor]) => ({ name, tensor }))
}

/** Gives the adapter the values from which the training of the case starts. */
export function startAdapter(model: CausalLM, golden: GoldenCase): void {
  setParameters(adapterParameters(model), tensorsUnder(golden, `lora_init.${PEFT_PREFIX}`))
}

/** d (mean loss) / d adapter, by name. */
export async function adapterGradients(
  model: CausalLM,
  rows: Rows,
): Promise<Map<string, Float32Array>> {
  const { loss, countedTokens } = model.loss(trainingBatch(rows))
  backward(loss)
  loss.dispose()
  const gradients = new Map<string, Float32Array>()
  for (const { name, tensor } of adapterParameters(model)) {
    const values = (await tensor.grad!.read()) as Float32Array
    gradients.set(
      name,
      values.map((value) => value / countedTokens),
    )
    tensor.clearGrad()
  }
  return gradients
}

/** The losses of the steps that the case asks for. */
export async function trainAdapter(
  model: CausalLM,
  rows: Rows,
  { settings }: GoldenCase,
): Promise<readonly number[]> {
  const optimizer = new AdamW(decayGroups(adapterParameters(model), settings.weight_decay))
  const { losses } = await train({
    model,
    optimizer,
    batches: () => [trainingBatch(rows)],
    batchesPerEpoch: 1,
    maxSteps: settings.steps,
    learningRate: settings.learning_rate,
    schedule: 'constant',
    maxGradNorm: 0,
  })
  optimizer.dispose()
  return losses
}

/** @throws if a parameter has no tensor or a tensor no parameter */
export function setParameters(parameters: Parameter[], values: Map<string, Expected>): void {
  const names = new Set(parameters.map(({ name }) => name))
  const odd = [...values.keys()].filter((name) => !names.has(name))
  if (odd.length > 0 || values.size !== names.size) {
    throw new Error(
      `lora_init: must hold the ${names.size} adapters of the model; got ${values.size}, of them unknown: ${odd.join(', ') || 'none'}.`,
    )
  }
  for (const { name, tensor } of parameters) {
    const { values: source, shape } = values.get(name)!
    using from = Tensor.from(source as Float32Array, shape, 'float32')
    copy(from, tensor)
  }
}

export async function valuesOf(parameters: Parameter[]): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>()
  for (const { name, tensor } of parameters) values.set(name, (await tensor.read()) as Float32Array)
  return values
}

export async function readNow(compute: () => Tensor): Promise<Float32Array> {
  using tensor = noGrad(() => scope(compute))
  return (await tensor.read()) as Float32Array
}
