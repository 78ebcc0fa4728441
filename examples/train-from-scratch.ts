// A Llama made from nothing, trained with all its parameters by the loop that also trains adapters.
import { batchOf, createModel, generate, parseConfig, train, trainAllParameters } from '@llft/lora'

const config = parseConfig({
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  vocab_size: 16,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
})

// The lesson: count upwards, and start again after 15.
const rows = Array.from({ length: 8 }, (_, row) =>
  Array.from({ length: 24 }, (_, i) => (2 * row + i) % 16),
)
const targets = rows.flatMap((row) => [...row.slice(1), -100])
const batch = { ...batchOf(rows), targets: Int32Array.from(targets) }

const model = createModel(config, { seed: 7 })
trainAllParameters(model)
const { losses } = await train({
  model,
  batches: () => [batch],
  batchesPerEpoch: 1,
  maxSteps: 120,
  learningRate: 1e-2,
  schedule: 'cosine',
  warmupSteps: 10,
})
console.log(`loss ${losses[0]?.toFixed(3)} -> ${losses.at(-1)?.toFixed(3)}`)

const { ids } = await generate(model, [[13, 14]], { maxNewTokens: 6 })
console.log(`13 14 ${ids[0]?.join(' ')}`)
model.dispose()
