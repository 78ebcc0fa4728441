import { ConfigError, Warnings } from '@llft/errors'
import { parseOptions } from '@llft/options'
import {
  configJson,
  Embedding,
  type LanguageModel,
  type Module,
  type SavedModel,
  type SaveOptions,
  saveOptionsShape,
  type Tensor,
  type TensorRecipe,
  TiedLinear,
  tensorSource,
  writeModelFolder,
} from '@llft/runtime'
import { z } from 'zod'
import { attachmentOf } from './attachment.js'
import { LoraLinear } from './lora-linear.js'
import { isSavedModule, originalOf } from './saved-module.js'

/** As for `saveModel`. */
export type SaveMergedOptions = SaveOptions

const schema = z.strictObject(saveOptionsShape)

/**
 * Writes the model with its adapter merged, as a folder that transformers reads: safetensors shards, the tokenizer of the
 * base model and config.json. Each weight is merged in float32 when its turn comes, so the model in memory stays as it
 * is and is never there twice.
 *
 * @throws ConfigError if the model has no adapter, if one is on a head that shares the matrix of the token embedding, or
 *   for a folder that `saveModel` would refuse, such as that of the base model.
 */
export async function saveMerged(
  model: LanguageModel,
  folder: string,
  options: SaveMergedOptions = {},
): Promise<SavedModel> {
  const parsed = parseOptions(schema, options, 'saveMerged')
  const { dtype = model.dtype as 'float32' | 'bfloat16', onWarning, ...rest } = parsed
  attachmentOf(model, 'saveMerged')
  const merged = [...mergedWeights(model, '')]
  const tensors = merged.map(([name, tensor]) => tensorSource(name, tensor, dtype))
  // Two matrices that were one must be two for whoever reads the folder.
  const tied = model.config.tiedEmbeddings && !merged.some(([name]) => name === 'lm_head.weight')
  const warnings = new Warnings(onWarning)
  if (parsed.dtype === undefined) warnOfUpcast(warnings, model, dtype)
  return writeModelFolder(folder, model, {
    ...rest,
    where: 'saveMerged',
    tensors,
    config: { ...configJson(model.config, dtype), tie_word_embeddings: tied },
    warnings,
  })
}

function warnOfUpcast(warnings: Warnings, { config }: LanguageModel, dtype: string): void {
  const stored = config.storedDtype
  if (dtype !== 'float32' || (stored !== 'bfloat16' && stored !== 'float16')) return
  warnings.add(
    'WARN_LLFT_BASE_UPCAST',
    `the base model is stored in ${stored} and the merged one in float32, which takes twice the room.`,
    "Pass dtype: 'bfloat16' to keep the size, or dtype: 'float32' to say that it is meant.",
  )
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
