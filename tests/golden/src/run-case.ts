import { join } from 'node:path'
import { injectLora, loadAdapter, removeLora } from '@llft/lora'
import { batchOf, type CausalLM, deviceInfo, loadModel } from '@llft/runtime'
import {
  adapterGradients,
  adapterParameters,
  PEFT_PREFIX,
  readNow,
  startAdapter,
  trainAdapter,
  valuesOf,
} from './adapter.js'
import { type Rows, readRows, trainingBatch } from './batches.js'
import { type Bound, boundsOf, type ComputeDtype, type Quantity } from './bounds.js'
import { type GoldenCase, tensorOf, tensorsUnder } from './cases.js'
import { compare, compareEach } from './compare.js'
import { greedyTokens } from './greedy.js'
import type { Finding } from './report.js'

/** Runs one case and measures every quantity. */
export async function runCase(golden: GoldenCase, dtype: ComputeDtype): Promise<Finding[]> {
  const model = await loadModel(golden.modelFolder, { dtype })
  try {
    return await new CaseRun(
      golden,
      boundsOf(golden.kind, dtype, golden.spreads[dtype]),
      model,
    ).all()
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
    private readonly bounds: Record<Quantity, Bound>,
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
    this.note('greedy', await greedyTokens(this.model, prompt, expected.length), expected)
  }

  private async gradients(): Promise<void> {
    startAdapter(this.model, this.golden)
    const gradients = await adapterGradients(this.model, this.#rows)
    this.noteEach('lora_grad', gradients, `lora_grad.${PEFT_PREFIX}`)
  }

  private async training(): Promise<void> {
    const losses = await trainAdapter(this.model, this.#rows, this.golden)
    this.note('train_losses', losses, tensorOf(this.golden, 'train_losses').values)
    const final = await valuesOf(adapterParameters(this.model))
    this.noteEach('lora_final', final, `lora_final.${PEFT_PREFIX}`)
  }

  /** PEFT's own file of the final adapter, read into the model, is the final adapter to the last bit. */
  private async adapterFolder(): Promise<void> {
    await loadAdapter(this.model, join(this.golden.folder, 'adapter'))
    const read = await valuesOf(adapterParameters(this.model))
    this.noteEach('adapter', read, `lora_final.${PEFT_PREFIX}`)
    removeLora(this.model)
  }

  private note(quantity: Quantity, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
    const bound = this.bounds[quantity]
    const found = compare(actual, expected, bound)
    this.#findings.push({ case: this.golden.name, quantity, bound, ...found })
  }

  private noteEach(quantity: Quantity, actual: Map<string, Float32Array>, prefix: string): void {
    const bound = this.bounds[quantity]
    const expected = new Map<string, ArrayLike<number>>()
    for (const [name, { values }] of tensorsUnder(this.golden, prefix)) expected.set(name, values)
    const found = compareEach(actual, expected, bound)
    this.#findings.push({ case: this.golden.name, quantity, bound, ...found })
  }
}
