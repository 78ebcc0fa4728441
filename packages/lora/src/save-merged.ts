import { copyFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ConfigError } from '@llft/errors'
import { oneOf, parseOptions, text, wholeNumber } from '@llft/options'
import {
  configJson,
  Embedding,
  type LanguageModel,
  type Module,
  type Tensor,
  type TensorRecipe,
  TiedLinear,
  tensorSource,
} from '@llft/runtime'
import { writeFileAtomic, writeSharded } from '@llft/safetensors'
import { z } from 'zod'
import { attachmentOf } from './attachment.js'
import { LoraLinear } from './lora-linear.js'
import { isSavedModule, originalOf } from './saved-module.js'

export interface SaveMergedOptions {
  /** Folder of the base model, from which tokenizer, chat template and generation settings are copied. */
  baseModel?: string
  /** Type of the stored weights. Default: the compute type of the model. */
  dtype?: 'float32' | 'bfloat16'
  /** Largest weight file, in bytes. Default 5e9. */
  maxShardBytes?: number
}

const schema = z.strictObject({
  baseModel: text('must be a folder').optional(),
  dtype: oneOf(['float32', 'bfloat16']).optional(),
  maxShardBytes: wholeNumber(1).optional(),
} satisfies Record<keyof SaveMergedOptions, z.ZodType>)

/** What stands beside the weights in a model folder, as far as it is there. */
const COMPANION_FILES = [
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
  'vocab.json',
  'merges.txt',
  'tokenizer.model',
]

/**
 * Writes the model with its adapter merged, as a folder that transformers reads: config.json, safetensors shards and,
 * from `baseModel`, the tokenizer. Each weight is merged in float32 when its turn comes, so the model in memory stays
 * as it is and is never there twice.
 *
 * @throws ConfigError if the model has no adapter, if one is on a head that shares the matrix of the token embedding, or
 *   if `folder` is that of the base model.
 */
export async function saveMerged(
  model: LanguageModel,
  folder: string,
  options: SaveMergedOptions = {},
): Promise<void> {
  const parsed = parseOptions(schema, options, 'saveMerged')
  const { baseModel, dtype = model.dtype as 'float32' | 'bfloat16', maxShardBytes } = parsed
  attachmentOf(model, 'saveMerged')
  if (baseModel !== undefined && resolve(baseModel) === resolve(folder)) {
    throw new ConfigError(
      `saveMerged: must not overwrite the base model; got '${folder}' for both.`,
    )
  }
  const weights = [...mergedWeights(model, '')]
  const sources = weights.map(([name, tensor]) => tensorSource(name, tensor, dtype))
  await writeSharded(folder, sources, maxShardBytes === undefined ? {} : { maxShardBytes })
  if (baseModel !== undefined) await copyCompanions(baseModel, folder)
  // Two matrices that were one must be two for whoever reads the folder.
  const tied = model.config.tiedEmbeddings && !weights.some(([name]) => name === 'lm_head.weight')
  const json = { ...configJson(model.config, dtype), tie_word_embeddings: tied }
  await writeFileAtomic(join(folder, 'config.json'), `${JSON.stringify(json, null, 2)}\n`)
}

/** A tensor of the merged model, or how to make it in float32. */
type MergedTensor = readonly [name: string, tensor: Tensor | TensorRecipe]

function* mergedWeights(module: Module, path: string): Generator<MergedTensor> {
  if (module instanceof LoraLinear) {
    yield* mergedLayer(module, path)
    return
  }
  const head = module instanceof TiedLinear ? undefined : module
  for (const [name, tensor] of head?.ownParameters() ?? []) yield [`${path}.${name}`, tensor]
  if (isSavedModule(module)) return
  for (const [name, child] of module.children()) {
    yield* mergedWeights(child, path === '' ? name : `${path}.${name}`)
  }
  if (path === '') yield* untiedHead(module)
}

function* mergedLayer(layer: LoraLinear, path: string): Generator<MergedTensor> {
  const { base } = layer
  if (base instanceof TiedLinear) {
    throw new ConfigError(
      `saveMerged: '${path}' must have a weight of its own; got the matrix of the token embedding. Save the adapter instead.`,
    )
  }
  const shape = [layer.outFeatures, layer.inFeatures]
  const recipe = { shape, make: () => layer.mergedWeight('float32') }
  const { dense } = base.weight
  yield [`${path}.weight`, layer.merged && dense !== undefined ? dense : recipe]
  if (base.bias !== undefined) yield [`${path}.bias`, base.bias]
}

/** A tied head beside an embedding that trained as a copy keeps the matrix of before. */
function* untiedHead(model: Module): Generator<MergedTensor> {
  const embedding = model.getModule('model.embed_tokens')
  if (!isSavedModule(embedding)) return
  const original = originalOf(embedding)
  for (const [name, head] of model.children()) {
    if (head instanceof TiedLinear && original instanceof Embedding) {
      yield [`${name}.weight`, original.weight]
    }
  }
}

async function copyCompanions(from: string, to: string): Promise<void> {
  for (const name of COMPANION_FILES) {
    const source = join(from, name)
    const exists = await stat(source).then(
      (found) => found.isFile(),
      () => false,
    )
    if (exists) await copyFile(source, join(to, name))
  }
}
