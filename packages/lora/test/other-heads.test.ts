// A head that LLFT does not have: what loads, trains, adapts and saves a language model knows nothing of its head.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadQuantizedModelAs } from '@llft/quant'
import {
  batchOf,
  createModelAs,
  crossEntropy,
  type DecoderConfig,
  dryRun,
  gatherRows,
  IGNORED_TARGET,
  LanguageModel,
  Linear,
  LinearModule,
  type Loss,
  loadModel,
  loadModelAs,
  noGrad,
  parseConfig,
  planModel,
  rowContext,
  saveModel,
  scope,
  Tensor,
  type TokenBatch,
  type WeightSource,
} from '@llft/runtime'
import { train } from '@llft/train'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { injectLora, LoraLinear, loadAdapter, saveAdapter, saveMerged } from '../src/index.js'

/** As LlamaForSequenceClassification: scores [B, labels] of each sequence, from its last token. */
class SequenceClassifier extends LanguageModel {
  static readonly head = 'SequenceClassification'
  readonly taskType = 'SEQ_CLS'

  constructor(config: DecoderConfig, source: WeightSource) {
    super(config, source)
    const shape = [config.source.num_labels as number, config.width] as const
    this.addChild('score', new Linear(source.linearWeight('score', shape)))
  }

  scores(batch: TokenBatch): Tensor {
    return scope(() => {
      const last = lastTokens(batch)
      const pooled = gatherRows(this.forward(batch), Tensor.from(last))
      const context = rowContext(batch, last)
      return this.child('score', LinearModule).forward(pooled, context, { outDtype: 'float32' })
    })
  }

  /** The target of a sequence's last token is its label; -100 counts nothing. */
  loss(batch: TokenBatch): Loss {
    const labels = lastTokens(batch).map((at) => batch.targets?.[at] as number)
    const loss = scope(() => crossEntropy(this.scores(batch), Tensor.from(labels)))
    return { loss, countedTokens: labels.filter((label) => label !== IGNORED_TARGET).length }
  }
}

function lastTokens({ cuSeqlens }: TokenBatch): Int32Array {
  return cuSeqlens.slice(1).map((end) => end - 1)
}

const CONFIG = parseConfig(
  {
    architectures: ['LlamaForSequenceClassification'],
    model_type: 'llama',
    vocab_size: 50,
    hidden_size: 32,
    intermediate_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    num_labels: 3,
  },
  'config.json',
  SequenceClassifier.head,
)
const SEQUENCES = [
  [7, 1, 2, 3],
  [8, 4, 5],
  [9, 6, 1, 2, 2],
  [7, 5, 5],
  [8, 3, 3, 1],
]
/** The first token decides. */
const LABELS = SEQUENCES.map(([first = 0]) => first - 7)
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llft-heads-'))
})
afterAll(() => rm(folder, { recursive: true }))

function labelled(): TokenBatch {
  const batch = batchOf(SEQUENCES)
  const targets = new Int32Array(batch.ids.length).fill(-100)
  for (const [index, label] of LABELS.entries()) {
    targets[(batch.cuSeqlens[index + 1] as number) - 1] = label
  }
  return { ...batch, targets }
}

async function scoresOf(model: SequenceClassifier): Promise<Float32Array> {
  const scores = noGrad(() => model.scores(batchOf(SEQUENCES)))
  try {
    return (await scores.read()) as Float32Array
  } finally {
    scores.dispose()
  }
}

describe('a model with another head', () => {
  it('is saved, planned and loaded as its class, and as no other', async () => {
    const model = createModelAs(SequenceClassifier, CONFIG, { seed: 3 })
    const base = join(folder, 'base')
    await saveModel(base, model)
    const json = JSON.parse(await readFile(join(base, 'config.json'), 'utf8'))
    expect(json.architectures).toEqual(['LlamaForSequenceClassification'])
    const loaded = await loadModelAs(SequenceClassifier, base, { dtype: 'float32' })
    expect(await scoresOf(loaded)).toEqual(await scoresOf(model))
    const plan = await planModel(base, { kind: SequenceClassifier, dtype: 'float32' })
    const planned = dryRun(() => {
      const built = plan.build()
      const names = [...built.parameters()].map(([name]) => name)
      built.dispose()
      return names
    }).value
    expect(planned).toEqual([...loaded.parameters()].map(([name]) => name))
    expect(planned).toContain('score.weight')
    await expect(loadModel(base)).rejects.toThrow(/LlamaForCausalLM.*SequenceClassification/)
    model.dispose()
    loaded.dispose()
  })

  it('learns with LoRA, the head whole, and its adapter takes the scores along', async () => {
    const model = createModelAs(SequenceClassifier, CONFIG, { seed: 3 })
    injectLora(model, { r: 4, targetModules: ['q_proj', 'v_proj'], modulesToSave: ['score'] })
    const result = await train({
      model,
      batches: () => [labelled()],
      batchesPerEpoch: 1,
      epochs: 40,
      learningRate: 2e-2,
    })
    expect(result.losses.at(-1)).toBeLessThan(0.1 * (result.losses[0] as number))
    const scores = await scoresOf(model)
    const best = SEQUENCES.map((_, row) => {
      const own = [...scores.slice(3 * row, 3 * row + 3)]
      return own.indexOf(Math.max(...own))
    })
    expect(best).toEqual(LABELS)

    const adapter = join(folder, 'adapter')
    await saveAdapter(model, adapter)
    const json = JSON.parse(await readFile(join(adapter, 'adapter_config.json'), 'utf8'))
    expect(json.task_type).toBe('SEQ_CLS')
    // As PEFT writes it: the heads of every architecture.
    json.modules_to_save = ['classifier', 'score']
    await writeFile(join(adapter, 'adapter_config.json'), JSON.stringify(json))
    const other = createModelAs(SequenceClassifier, CONFIG, { seed: 3 })
    await loadAdapter(other, adapter)
    expect(await scoresOf(other)).toEqual(scores)

    const merged = join(folder, 'merged')
    await saveMerged(model, merged)
    const loaded = await loadModelAs(SequenceClassifier, merged, { dtype: 'float32' })
    // Two orders of summation over 32 terms in each of 2 layers, on scores of some units.
    const differences = (await scoresOf(loaded)).map((score, i) => score - (scores[i] as number))
    expect(Math.max(...differences.map(Math.abs))).toBeLessThan(1e-4)
    for (const used of [model, other, loaded]) used.dispose()
  })

  it('keeps its head in floats where the decoder is quantised, and out of all-linear', async () => {
    const base = join(folder, 'for-quantising')
    const model = createModelAs(SequenceClassifier, CONFIG, { seed: 3 })
    await saveModel(base, model)
    const quantized = await loadQuantizedModelAs(SequenceClassifier, base, { quantization: 'int8' })
    const dense = [...quantized.modules()].flatMap(([path, module]) =>
      module instanceof Linear && module.weight.dense !== undefined ? [path] : [],
    )
    expect(dense).toEqual(['score'])
    injectLora(quantized, { targetModules: 'all-linear', modulesToSave: ['score'] })
    const adapted = [...quantized.modules()].flatMap(([path, module]) =>
      module instanceof LoraLinear ? [path] : [],
    )
    expect(adapted).toHaveLength(14)
    expect(adapted).not.toContain('score')
    model.dispose()
    quantized.dispose()
  })
})
