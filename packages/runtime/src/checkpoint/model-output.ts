import { readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ConfigError, type LlftWarning, type Warnings } from '@llft/errors'
import { readJsonIfThere } from '@llft/input'
import {
  isSameFolder,
  OutputFolder,
  type TensorSource,
  writeFileAtomic,
  writeSharded,
} from '@llft/safetensors'
import type { LanguageModel } from '../models/language-model.js'

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
const CONFIG = 'config.json'
const WEIGHTS = /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/
/** Who wrote a model folder, in its config.json: such a folder may be written again. */
const AUTHOR = { saved_by: 'llft' }

/** A model folder that was written. */
export interface SavedModel {
  /** Absolute path. */
  readonly folder: string
  /** Paths of the weight files. */
  readonly weights: readonly string[]
  readonly warnings: readonly LlftWarning[]
}

/** What to do with a folder that is to take a model. */
export interface ModelFolderOptions {
  /** Starts every message, such as 'saveModel.folder'. */
  readonly where: string
  /** Folders that are never written to: those of base models. */
  readonly sources: readonly (string | undefined)[]
  readonly overwrite?: boolean | undefined
}

/** What a model folder holds. */
export interface ModelContent {
  readonly tensors: readonly TensorSource[]
  /** What config.json holds. */
  readonly config: Readonly<Record<string, unknown>>
  /** Where tokenizer, chat template and generation settings are copied from. Default: where the model was loaded from. */
  readonly baseModel?: string | undefined
  readonly maxShardBytes?: number | undefined
  readonly warnings: Warnings
}

export interface ModelOutput extends ModelContent {
  /** The function that saves: starts every message. */
  readonly where: string
  readonly overwrite?: boolean | undefined
  /** Whether what is saved is the model of its folder, so that with `overwrite` it may take its place. Default false. */
  readonly isSameModel?: boolean | undefined
}

/**
 * Writes a model folder; the folder that `model` was loaded from is touched by the same model alone, where `overwrite`
 * says so. See `prepareModelFolder` and `writeModel`.
 */
export async function writeModelFolder(
  folder: string,
  model: LanguageModel,
  output: ModelOutput,
): Promise<SavedModel> {
  const { where, overwrite, isSameModel, baseModel } = output
  if (baseModel !== undefined) await requireFolder(baseModel, where)
  const sources = isSameModel && overwrite ? [] : [baseModel, model.sourceFolder]
  const target = await prepareModelFolder(folder, { where: `${where}.folder`, sources, overwrite })
  try {
    return { ...(await writeModel(target, model, output)), folder: resolve(folder) }
  } finally {
    await target.release()
  }
}

/**
 * A folder that will take a model: a new or empty one, or one with a model that LLFT wrote.
 *
 * @throws ConfigError for a folder that cannot be written, that other files lie in, or that is the base model's.
 */
export async function prepareModelFolder(
  folder: string,
  { where, sources, overwrite }: ModelFolderOptions,
): Promise<OutputFolder> {
  await rejectSources(folder, sources, where)
  const files = [CONFIG, ...COMPANION_FILES]
  return OutputFolder.prepare(folder, { where, files, isOurs, overwrite })
}

/**
 * Writes weights, what the base model has beside them, and config.json last. Every file is whole or not there at all.
 *
 * @throws FormatError if a mapped file of `model` was changed.
 */
export async function writeModel(
  { path }: OutputFolder,
  model: LanguageModel,
  { tensors, config, baseModel, maxShardBytes, warnings }: ModelContent,
): Promise<SavedModel> {
  const base = baseModel ?? model.sourceFolder
  model.requireUnchangedFiles()
  const weights = await writeSharded(path, tensors, { maxShardBytes })
  if (base !== undefined) await copyCompanions(base, path)
  model.requireUnchangedFiles()
  await writeFileAtomic(join(path, CONFIG), modelConfigText(config))
  if (base !== undefined && !(await isFile(join(path, 'tokenizer.json')))) {
    warnOfTokenizer(warnings, path, base)
  }
  return { folder: path, weights, warnings: warnings.list }
}

/** The text of config.json of a model that LLFT writes. */
export function modelConfigText(config: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify({ ...config, ...AUTHOR }, null, 2)}\n`
}

/** What `folder` has beside the weights: tokenizer, chat template, generation settings. */
export async function readCompanions(
  folder: string,
): Promise<{ readonly name: string; readonly content: Uint8Array }[]> {
  const found = []
  for (const name of COMPANION_FILES) {
    const path = join(folder, name)
    if (await isFile(path)) found.push({ name, content: await readFile(path) })
  }
  return found
}

async function isOurs(folder: string, names: readonly string[]): Promise<boolean> {
  const isKnown = (name: string) =>
    name === CONFIG || COMPANION_FILES.includes(name) || WEIGHTS.test(name)
  if (!names.every(isKnown)) return false
  const config = await readJsonIfThere(join(folder, CONFIG)).catch(() => undefined)
  return config?.saved_by === AUTHOR.saved_by
}

async function rejectSources(
  folder: string,
  sources: readonly (string | undefined)[],
  where: string,
): Promise<void> {
  for (const source of sources) {
    if (source === undefined || !(await isSameFolder(source, folder))) continue
    throw new ConfigError(
      `${where}: must not be the folder of the base model, which would be lost; got '${folder}'. Choose another.`,
    )
  }
}

async function requireFolder(folder: string, where: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined)
  if (found?.isDirectory()) return
  const got = found === undefined ? 'which does not exist' : 'which is no folder'
  throw new ConfigError(`${where}.baseModel: must be a folder; got '${folder}', ${got}.`)
}

async function copyCompanions(from: string, to: string): Promise<void> {
  for (const { name, content } of await readCompanions(from)) {
    await writeFileAtomic(join(to, name), content)
  }
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}

function warnOfTokenizer(warnings: Warnings, folder: string, base: string): void {
  warnings.add(
    'WARN_LLFT_NO_TOKENIZER',
    `${folder} has no tokenizer.json, as ${base} has none: nothing can train or chat with it as it is.`,
    'Give baseModel, the folder of a model with the tokenizer.',
  )
}
