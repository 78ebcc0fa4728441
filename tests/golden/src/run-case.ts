import { join } from 'node:path'
import { injectLora, loadAdapter, removeLora } from '@llft/lora'
import {
  backward,
  batchOf,
  type CausalLM,
  copy,
  deviceInfo,
  generate,
  loadModel,
  noGrad,
  scope,
  Tensor,
} from '@llft/runtime'
import { AdamW, decayGroups, type Parameter, train } from '@llft/train'
import { type Rows, readRows, trainingBatch } from './batches.js'
import { boundsOf, type ComputeDtype, type Quantity } from './bounds.js'
import { type Expected, type GoldenCase, tensorOf, tensorsUnder } from './cases.js'
import { largestError, normError } from './compare.js'
import type { Finding } from './report.js'

/** The names of PEFT's files put this before the path of a module. */
const PEFT_PREFIX = 'base_model.model.'

/** Runs one case and measures every quantity. */
export async function runCase(golden: GoldenCase, dtype: ComputeDtype): Promise<Finding[]> {
  const model = await loadModel(golden.modelFolder, { dtype })
  try {
    return await new CaseRun(golden, dtype, model).all()
  } finally {
    model.dispose()
  }
}

/** @throws if LLFT_ISA names an instruction set that this machine or build lacks */
export function requireIsa(name: string): void {
  const { isa, isas } = deviceInfo()
  if (isa !== name) throw new Error(`--isa ${name}: must be one of ${isas.join(', ')}; got ${isa}.`)
}

class CaseRun {
  readonly #findings: Finding[] = []
  readonly #rows: Rows

  constructor(
    private readonly golden: GoldenCase,
    private readonly dtype: ComputeDtype,
    private readonly model: CausalLM,
  ) {
    this.#rows = readRows(golden)
  }

  async all(): Promise<Finding[]> {
    await this.logits()
    await this.loss()
    await this.greedy()
    const { r, lora_alpha: alpha, target_modules: targetModules } = this.golden.settings
    injectLora(this.model, { r, alpha, targetModules })
    await this.gradients()
    await this.training()
    removeLora(this.model)
    await this.adapterFolder()
    return this.#findings
  }

  /** The reference may hold fewer rows and tokens than the batch; padding is not compared. */
  private async logits(): Promise<void> {
    const expected = tensorOf(this.golden, 'logits')
    const [rows, columns, vocabulary] = expected.shape as [number, number, number]
    const ids = this.#rows.ids.slice(0, rows).map((row) => row.slice(0, columns))
    const actual = await readNow(() => this.model.logits(this.model.forward(batchOf(ids))))
    const wanted = new Float32Array(actual.length)
    let at = 0
    for (const [row, { length }] of ids.entries()) {
      const start = row * columns * vocabulary
      wanted.set(expected.values.subarray(start, start + length * vocabulary), at)
      at += length * vocabulary
    }
    this.note('logits', actual, wanted)
  }

  private async loss(): Promise<void> {
    let counted = 0
    const sum = await readNow(() => {
      const { loss, countedTokens } = this.model.loss(trainingBatch(this.#rows))
      counted = countedTokens
      return loss
    })
    this.note('loss', [sum[0]! / counted], tensorOf(this.golden, 'loss').values)
  }

  private async greedy(): Promise<void> {
    const expected = Array.from(tensorOf(this.golden, 'greedy').values)
    const prompt = expected.slice(0, this.golden.settings.prompt_tokens)
    const { ids } = await generate(this.model, [prompt], {
      maxNewTokens: expected.length - prompt.length,
      eosTokenIds: [],
    })
    this.note('greedy', [...prompt, ...ids[0]!], expected)
  }

  /** d (mean loss) / d adapter, at the adapter that training starts from. */
  private async gradients(): Promise<void> {
    const parameters = this.adapterParameters()
    setParameters(parameters, tensorsUnder(this.golden, `lora_init.${PEFT_PREFIX}`))
    const { loss, countedTokens } = this.model.loss(trainingBatch(this.#rows))
    backward(loss)
    loss.dispose()
    const gradients = new Map<string, Float32Array>()
    for (const { name, tensor } of parameters) {
      const values = (await tensor.grad!.read()) as Float32Array
      gradients.set(
        name,
        values.map((value) => value / countedTokens),
      )
      tensor.clearGrad()
    }
    this.noteEach('lora_grad', gradients, `lora_grad.${PEFT_PREFIX}`)
  }

  private async training(): Promise<void> {
    const { steps, learning_rate: learningRate, weight_decay: weightDecay } = this.golden.settings
    const parameters = this.adapterParameters()
    const optimizer = new AdamW(decayGroups(parameters, weightDecay))
    const { losses } = await train({
      model: this.model,
      optimizer,
      batches: () => [trainingBatch(this.#rows)],
      batchesPerEpoch: 1,
      maxSteps: steps,
      learningRate,
      schedule: 'constant',
      maxGradNorm: 0,
    })
    optimizer.dispose()
    this.note('train_losses', losses, tensorOf(this.golden, 'train_losses').values)
    this.noteEach('lora_final', await valuesOf(parameters), `lora_final.${PEFT_PREFIX}`)
  }

  /** PEFT's own file of the final adapter, read into the model, is the final adapter to the last bit. */
  private async adapterFolder(): Promise<void> {
    await loadAdapter(this.model, join(this.golden.folder, 'adapter'))
    const read = await valuesOf(this.adapterParameters())
    this.noteEach('adapter', read, `lora_final.${PEFT_PREFIX}`)
    removeLora(this.model)
  }

  private adapterParameters(): Parameter[] {
    return [...this.model.parameters()]
      .filter(([name]) => /\.lora_[AB]\.weight$/.test(name))
      .map(([name, tensor]) => ({ name, tensor }))
  }

  private note(quantity: Quantity, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
    const bound = boundsOf(this.golden.kind, this.dtype)[quantity]
    const error = largestError(bound.measure, actual, expected)
    this.#findings.push({ case: this.golden.name, quantity, error, bound })
  }

  /** The largest error over named tensors; a name on one side only is an infinite one. */
  private noteEach(quantity: Quantity, actual: Map<string, Float32Array>, prefix: string): void {
    const expected = tensorsUnder(this.golden, prefix)
    const bound = boundsOf(this.golden.kind, this.dtype)[quantity]
    const measure =
      bound.measure === 'relative' ? normError : largestError.bind(undefined, bound.measure)
    let worst = { error: 0, where: '' }
    for (const name of new Set([...actual.keys(), ...expected.keys()])) {
      const error = measure(actual.get(name) ?? [], expected.get(name)?.values ?? [])
      if (error > worst.error) worst = { error, where: name }
    }
    this.#findings.push({ case: this.golden.name, quantity, bound, ...worst })
  }
}

/** @throws if a parameter has no tensor or a tensor no parameter */
function setParameters(parameters: Parameter[], values: Map<string, Expected>): void {
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

async function valuesOf(parameters: Parameter[]): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>()
  for (const { name, tensor } of parameters) values.set(name, (await tensor.read()) as Float32Array)
  return values
}

async function readNow(compute: () => Tensor): Promise<Float32Array> {
  using tensor = noGrad(() => scope(compute))
  return (await tensor.read()) as Float32Array
}
