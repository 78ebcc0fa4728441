import { cp, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createModel, parseConfig, saveModel } from '@llft/runtime'

const TOKENIZER = fileURLToPath(new URL('../../../demo/model', import.meta.url))

/** A folder with a random model of 70 000 parameters and a tokenizer, as loraTrain takes it. */
export async function tinyCheckpoint(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'llft-tiny-'))
  const config = parseConfig({
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: 2048,
    hidden_size: 32,
    intermediate_size: 48,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 128,
    rms_norm_eps: 1e-6,
    initializer_range: 0.1,
    tie_word_embeddings: true,
  })
  const model = createModel(config, { seed: 1, dtype: 'float32' })
  await saveModel(folder, model)
  model.dispose()
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    await cp(join(TOKENIZER, name), join(folder, name))
  }
  return folder
}

/** Questions and answers that a model can learn by heart. */
export function questions(count: number): { question: string; answer: string }[] {
  return Array.from({ length: count }, (_, i) => ({
    question: `What is number ${i}?`,
    answer: `It is ${'abcdefgh'[i % 8]?.repeat(1 + (i % 4))}.`,
  }))
}
