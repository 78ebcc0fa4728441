import { join } from 'node:path'
import type { Warnings } from '@llft/errors'
import { readTextIfThere } from '@llft/input'
import { type LanguageModel, tensorSource } from '@llft/runtime'
import { type AtomicFile, OutputFolder, stageContent, stageSafetensors } from '@llft/safetensors'
import type { ResultFacts, ResultFile } from '@llft/train'
import { adapterConfigJson } from './adapter-config.js'
import { adapterTensors } from './adapter-tensors.js'
import { attachmentOf } from './attachment.js'
import { isOwnCard, modelCard } from './model-card.js'

export const CONFIG_FILE = 'adapter_config.json'
export const WEIGHTS_FILE = 'adapter_model.safetensors'
const CARD_FILE = 'README.md'

/** The files of an adapter folder; config.json, which says how to read the others, is the last to be replaced. */
const ADAPTER_FILES = [CARD_FILE, WEIGHTS_FILE, CONFIG_FILE]

export interface AdapterFolderOptions {
  /** Starts every message, such as 'saveAdapter.folder'. */
  readonly where: string
  readonly overwrite?: boolean | undefined
}

/**
 * A folder that will take an adapter: a new or empty one, or one with an adapter that LLFT wrote.
 *
 * @throws ConfigError, see OutputFolder.
 */
export function prepareAdapterFolder(
  folder: string,
  options: AdapterFolderOptions,
): Promise<OutputFolder> {
  return OutputFolder.prepare(folder, { ...options, files: ADAPTER_FILES, isOurs })
}

async function isOurs(folder: string, names: readonly string[]): Promise<boolean> {
  return names.every((name) => ADAPTER_FILES.includes(name)) && hasOwnCard(folder)
}

async function hasOwnCard(folder: string): Promise<boolean> {
  const card = await readTextIfThere(join(folder, CARD_FILE)).catch(() => undefined)
  return card !== undefined && isOwnCard(card)
}

/** The files of the adapter of `model`, the configuration last. */
export function adapterFiles(
  model: LanguageModel,
  { baseModel, notes }: ResultFacts,
): readonly ResultFile[] {
  const attachment = attachmentOf(model, 'saveAdapter')
  const tensors = adapterTensors(model, attachment)
  const { modelType } = model.config
  const json = adapterConfigJson(attachment, { baseModel, modelType, taskType: model.taskType })
  const trainable = [...tensors.values()].reduce((sum, tensor) => sum + tensor.size, 0)
  const card = modelCard(attachment, { baseModel, trainable, notes })
  const sources = [...tensors].map(([name, tensor]) => tensorSource(name, tensor, tensor.dtype))
  return [
    { name: CARD_FILE, content: card },
    { name: WEIGHTS_FILE, content: sources },
    { name: CONFIG_FILE, content: sortedJson(json) },
  ]
}

/** Writes the adapter of `model`. A README.md of somebody else stays, and a warning says so. */
export async function writeAdapter(
  output: OutputFolder,
  model: LanguageModel,
  facts: ResultFacts,
  warnings: Warnings,
): Promise<void> {
  const writesCard = await mayReplaceCard(join(output.path, CARD_FILE), warnings)
  const files = adapterFiles(model, facts).filter(({ name }) => writesCard || name !== CARD_FILE)
  await output.replace(async function* (): AsyncGenerator<AtomicFile> {
    for (const { name, content } of files) {
      const path = join(output.path, name)
      yield typeof content === 'string' || content instanceof Uint8Array
        ? await stageContent(path, content)
        : await stageSafetensors(path, content)
    }
  })
}

async function mayReplaceCard(path: string, warnings: Warnings): Promise<boolean> {
  const card = await readTextIfThere(path)
  if (card === undefined || isOwnCard(card)) return true
  warnings.add(
    'WARN_LLFT_FILE_KEPT',
    `${path} is not a model card of LLFT and stays as it is.`,
    'Write the adapter to a folder of its own to get its card.',
  )
  return false
}

/** JSON as Python's `json.dumps(indent=2, sort_keys=True)` writes it. */
function sortedJson(value: Record<string, unknown>): string {
  const sort = (_: string, at: unknown) =>
    typeof at === 'object' && at !== null && !Array.isArray(at)
      ? Object.fromEntries(Object.entries(at).sort(([a], [b]) => (a < b ? -1 : 1)))
      : at
  return `${JSON.stringify(value, sort, 2)}\n`
}
