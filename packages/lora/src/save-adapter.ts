import { join } from 'node:path'
import { parseOptions } from '@llft/options'
import { type LanguageModel, tensorSource } from '@llft/runtime'
import { writeFileAtomic, writeSafetensors } from '@llft/safetensors'
import { z } from 'zod'
import { adapterConfigJson } from './adapter-config.js'
import { adapterTensors } from './adapter-tensors.js'
import { attachmentOf } from './attachment.js'
import { modelCard } from './model-card.js'
import { writeFolderAtomic } from './output-folder.js'

export const CONFIG_FILE = 'adapter_config.json'
export const WEIGHTS_FILE = 'adapter_model.safetensors'

export interface SaveAdapterOptions {
  /** Folder or name of the base model, recorded in the adapter. Default null: not recorded. */
  baseModel?: string | null
  /** Further lines for the model card, such as data and losses. */
  notes?: Readonly<Record<string, string | number>>
}

const schema = z.strictObject({
  baseModel: z.string('must be a folder, a name or null').nullish(),
  notes: z
    .record(
      z.string(),
      z.union([z.string(), z.number()], 'must be a text or a number'),
      'must be an object of texts and numbers',
    )
    .optional(),
} satisfies Record<keyof SaveAdapterOptions, z.ZodType>)

/**
 * Writes the adapter of `model` as a folder that PEFT loads: adapter_config.json, adapter_model.safetensors in float32,
 * README.md. Everything is written and flushed beside the folder before the first file takes its place there.
 *
 * @throws ConfigError if the model has no adapter or the folder cannot be written.
 */
export async function saveAdapter(
  model: LanguageModel,
  folder: string,
  options: SaveAdapterOptions = {},
): Promise<void> {
  const { baseModel = null, notes = {} } = parseOptions(schema, options, 'saveAdapter')
  const attachment = attachmentOf(model, 'saveAdapter')
  const tensors = adapterTensors(model, attachment)
  const { modelType } = model.config
  const json = sortedJson(
    adapterConfigJson(attachment, { baseModel, modelType, taskType: model.taskType }),
  )
  const trainable = [...tensors.values()].reduce((sum, tensor) => sum + tensor.size, 0)
  const card = modelCard(attachment, { baseModel, trainable, notes })
  const sources = [...tensors].map(([name, tensor]) => tensorSource(name, tensor, tensor.dtype))
  await writeFolderAtomic(folder, [WEIGHTS_FILE, CONFIG_FILE], async (staging) => {
    await writeSafetensors(join(staging, WEIGHTS_FILE), sources)
    await writeFileAtomic(join(staging, CONFIG_FILE), json)
    await writeFileAtomic(join(staging, 'README.md'), card)
  })
}

/** JSON as Python's `json.dumps(indent=2, sort_keys=True)` writes it. */
function sortedJson(value: Record<string, unknown>): string {
  const sort = (_: string, at: unknown) =>
    typeof at === 'object' && at !== null && !Array.isArray(at)
      ? Object.fromEntries(Object.entries(at).sort(([a], [b]) => (a < b ? -1 : 1)))
      : at
  return `${JSON.stringify(value, sort, 2)}\n`
}
