import { createModel, parseConfig } from '@llft/runtime'
import { trainableParameters } from '@llft/train'
import { expect, it } from 'vitest'
import { injectLora } from '../src/index.js'
import { loraPlusGroups } from '../src/lora-plus.js'

it('B and vectors learn faster, A as fast as ever, each once', () => {
  const model = createModel(
    parseConfig({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      vocab_size: 16,
      hidden_size: 8,
      intermediate_size: 8,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      max_position_embeddings: 8,
      rms_norm_eps: 1e-6,
    }),
    { seed: 1, dtype: 'float32' },
  )
  injectLora(model, { r: 2, targetModules: ['q_proj'], useDora: true })
  const parameters = trainableParameters(model)
  const groups = loraPlusGroups(parameters, 0.1, 16)
  const rates = groups.flatMap(({ parameters, lrMultiplier = 1, weightDecay }) =>
    parameters.map(({ name }) => [name.split('q_proj.')[1], lrMultiplier, weightDecay]),
  )
  expect(rates.sort()).toEqual([
    ['lora_A.weight', 1, 0.1],
    ['lora_B.weight', 16, 0.1],
    ['lora_magnitude_vector', 16, 0.1],
  ])
  model.dispose()
})
