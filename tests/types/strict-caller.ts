// A caller who is as strict as TypeScript can be, with settings declared once, as constants, and options that may be
// undefined. It is compiled by public-types.test.ts and never run.
import {
  type CausalLM,
  createModel,
  type DecoderConfig,
  estimateMemory,
  generateText,
  injectLora,
  loadAdapter,
  loadDataset,
  loadModel,
  loadQuantizedModel,
  loraTrain,
  preview,
  type Tokenizer,
  tokenizeDataset,
} from '@llft/lora'

const lora = {
  r: 8,
  targetModules: ['q_proj', 'v_proj'],
  excludeModules: ['layers.0.self_attn.q_proj'],
  rankPattern: { q_proj: 4 },
  layersToTransform: [0, 1],
  layersPattern: ['layers'],
  modulesToSave: ['lm_head'],
} as const
const quantization = { format: 'nf4', blockSize: 64, skip: ['lm_head'] } as const
const data = [
  { prompt: 'The capital of France is', completion: ' Paris.' },
  { prompt: 'The capital of Italy is', completion: ' Rome.' },
] as const

export async function train(signal: AbortSignal | undefined, epochs: number | undefined) {
  const run = { model: 'model', lora, quantization, data, epochs, signal } as const
  await estimateMemory({ ...run, output: undefined })
  return loraTrain({ ...run, output: 'adapter' })
}

export async function answer(tokenizer: Tokenizer, stop: readonly string[] | undefined) {
  const model = await loadModel('model', { dtype: undefined, mmap: undefined })
  await loadAdapter(model, 'adapter', { trainable: undefined })
  return generateText(model, tokenizer, ['Hi'], { stop, temperature: undefined, signal: undefined })
}

export async function parts(config: DecoderConfig, tokenizer: Tokenizer): Promise<CausalLM> {
  const created = createModel(config, { seed: undefined, dtype: undefined })
  injectLora(created, lora)
  created.dispose()
  const { samples } = await loadDataset('train.jsonl', { format: undefined, columns: undefined })
  const { examples } = await tokenizeDataset(samples, tokenizer, { maxLength: undefined })
  for (const example of examples) preview(example, tokenizer)
  return loadQuantizedModel('model', { quantization: { ...quantization, computeDtype: undefined } })
}
