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

export interface ModelOutput {
  /** The function that saves: starts every message. */
  readonly where: string
  /** Where tokenizer, chat template and generation settings are copied from. Default: where the model was loaded from. */
  readonly baseModel?: string | undefined
  readonly overwrite?: boolean | undefined
  /** Whether what is saved is the model of its folder, so that it may take its place. Default false. */
  readonly isSameModel?: boolean | undefined
  readonly maxShardBytes?: number | undefined
  readonly tensors: readonly TensorSource[]
  /** What config.json holds. */
  readonly config: Readonly<Record<string, unknown>>
  readonly warnings: Warnings
}

/**
 * Writes a model folder: weights, what the base model has beside them, and config.json last. Every file is whole or not
 * there at all; the folder that `model` was loaded from is touched by the same model alone, where `overwrite` says so.
 *
 * @throws ConfigError for a folder that cannot be written, that other files lie in, or that is the base model's.
 */
export async function writeModelFolder(
  folder: string,
  model: LanguageModel,
  output: ModelOutput,
): Promise<SavedModel> {
  const { where, warnings, overwrite, maxShardBytes, tensors } = output
  const base = output.baseModel ?? model.sourceFolder
  if (output.baseModel !== undefined) await requireFolder(output.baseModel, where)
  if (!(output.isSameModel && overwrite))
    await rejectSources(folder, [base, model.sourceFolder], where)
  model.requireUnchangedFiles()
  const target = await OutputFolder.prepare(folder, {
    where: `${where}.folder`,
    files: [CONFIG, ...COMPANION_FILES],
    isOurs,
    overwrite,
  })
  try {
    const options = maxShardBytes === undefined ? {} : { maxShardBytes }
    const weights = await writeSharded(target.path, tensors, options)
    if (base !== undefined) await copyCompanions(base, target.path)
    model.requireUnchangedFiles()
    const json = JSON.stringify({ ...output.config, ...AUTHOR }, null, 2)
    await writeFileAtomic(join(target.path, CONFIG), `${json}\n`)
    if (base !== undefined && !(await isFile(join(target.path, 'tokenizer.json')))) {
      warnOfTokenizer(warnings, folder, base)
    }
    return { folder: resolve(folder), weights, warnings: warnings.list }
  } finally {
    await target.release()
  }
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
      `${where}.folder: must not be the folder of the base model, which would be lost; got '${folder}'. Choose another.`,
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
  for (const name of COMPANION_FILES) {
    const source = join(from, name)
    if (await isFile(source)) await writeFileAtomic(join(to, name), await readFile(source))
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
