import { type RunConfig, runOptionsOf } from '@llft/config'
import { ConfigError } from '@llft/errors'
import {
  createModel,
  type LoraTrainOptions,
  loadAdapter,
  loadModel,
  loadQuantizedModel,
  readConfig,
  Tokenizer,
} from '@llft/lora'
import { modelPathsOf, resultIn } from './adapter-path.js'

/**
 * The options of a run that does not begin with the weights of its model: with random ones, or with those of another run. A
 * run that is resumed begins the same way, before its checkpoint is read.
 *
 * @throws ConfigError for ways that exclude each other, and for a folder without weights.
 */
export async function firstWeights(config: RunConfig): Promise<Partial<LoraTrainOptions>> {
  const { model, method, continue_from: from } = config
  if (model.from_scratch) return randomWeights(config)
  if (from === undefined) return {}
  return method === 'full' ? { model: await trainedModel(from) } : adapterOf(config, from)
}

/** Options that a loaded model leaves no room for. */
const LOADED = { dtype: undefined, quantization: undefined, mmap: undefined } as const

async function randomWeights({ model, method, training, continue_from }: RunConfig) {
  if (method !== 'full' || continue_from !== undefined || model.quantization !== undefined) {
    throw new ConfigError(
      'model.from_scratch: must come with method: full, and without continue_from and model.quantization; got them otherwise.',
    )
  }
  const { path, dtype } = model
  const created = createModel(await readConfig(path), { seed: training.seed, dtype })
  return { ...LOADED, model: created, tokenizer: await Tokenizer.fromFolder(path), baseModel: path }
}

async function adapterOf(config: RunConfig, from: string): Promise<Partial<LoraTrainOptions>> {
  const { adapter, model: folder } = await modelPathsOf(config.model.path, from)
  const { dtype, mmap, quantization } = runOptionsOf(config).options
  const model =
    quantization === undefined
      ? await loadModel(folder, { dtype, mmap })
      : await loadQuantizedModel(folder, { dtype, mmap, quantization })
  await loadAdapter(model, adapter as string, { trainable: true })
  const tokenizer = await Tokenizer.fromFolder(folder)
  // The adapter that is there goes on training, as it is.
  return { ...LOADED, lora: undefined, model, tokenizer, baseModel: folder }
}

/** The model of a run of full training, or one by itself. */
async function trainedModel(from: string): Promise<string> {
  const found = await resultIn(from)
  if (found !== undefined) return found
  throw new ConfigError(
    `continue_from: must be a model, or a run of full training; got '${from}', which holds neither.`,
  )
}
