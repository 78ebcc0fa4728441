import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SafetensorsFile } from '@llft/safetensors'
import type { CaseKind } from './bounds.js'
import { checkSpreads, type Spreads } from './spread.js'

/** expect.json, in the spelling of the file. */
interface ExpectJson {
  model?: string
  steps: number
  learning_rate: number
  weight_decay: number
  r: number
  lora_alpha: number
  prompt_tokens: number
  target_modules: string[] | string
  spread?: unknown
}

/** A tensor of expect.safetensors; integers are exact below 2^53. */
export interface Expected {
  shape: readonly number[]
  values: Float32Array | Float64Array
}

export interface GoldenCase {
  name: string
  folder: string
  kind: CaseKind
  /** Folder of the model: the case itself, or the one that expect.json names. */
  modelFolder: string
  settings: ExpectJson
  spreads: Spreads
  tensors: Map<string, Expected>
}

/**
 * The names of the cases of a folder, which may itself be one case.
 * @throws if there is none
 */
export function findCases(folder: string): string[] {
  if (existsSync(join(folder, 'expect.json'))) return ['.']
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'expect.json')))
  if (names.length === 0)
    throw new Error(`${folder}: must hold cases (NAME/expect.json); got none.`)
  return names.sort()
}

/** @param modelsFolder where the models of cases without one of their own lie (--models) */
export async function readCase(
  parent: string,
  name: string,
  modelsFolder?: string,
): Promise<GoldenCase> {
  const folder = join(parent, name)
  const settings = JSON.parse(readFileSync(join(folder, 'expect.json'), 'utf8')) as ExpectJson
  return {
    name: name === '.' ? (folder.split('/').filter(Boolean).at(-1) ?? '.') : name,
    folder,
    kind: settings.model === undefined ? 'small' : 'checkpoint',
    modelFolder: modelFolder(folder, settings, modelsFolder),
    settings,
    spreads: checkSpreads(settings.spread, join(folder, 'expect.json')),
    tensors: await readTensors(join(folder, 'expect.safetensors')),
  }
}

function modelFolder(folder: string, settings: ExpectJson, modelsFolder?: string): string {
  if (settings.model === undefined) return folder
  if (modelsFolder === undefined) {
    throw new Error(
      `${folder}: needs the model ${settings.model}; name the folder that holds it with --models DIR.`,
    )
  }
  const model = join(modelsFolder, settings.model)
  if (!existsSync(join(model, 'config.json'))) {
    throw new Error(`${folder}: needs the model ${settings.model}; ${model} holds no config.json.`)
  }
  return model
}

export async function readTensors(path: string): Promise<Map<string, Expected>> {
  const file = await SafetensorsFile.open(path)
  const tensors = new Map<string, Expected>()
  for (const { name, dtype, shape } of file.tensors.values()) {
    tensors.set(name, { shape, values: numbers(await file.read(name), dtype, `${path}: ${name}`) })
  }
  return tensors
}

function numbers(bytes: Uint8Array, dtype: string, where: string): Float32Array | Float64Array {
  if (dtype === 'F32') return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  if (dtype === 'I64') {
    return Float64Array.from(
      new BigInt64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8),
      Number,
    )
  }
  throw new Error(`${where}: must be F32 or I64; got ${dtype}.`)
}

/** The tensors under a prefix, without it. */
export function tensorsUnder(golden: GoldenCase, prefix: string): Map<string, Expected> {
  const found = new Map<string, Expected>()
  for (const [name, tensor] of golden.tensors) {
    if (name.startsWith(prefix)) found.set(name.slice(prefix.length), tensor)
  }
  return found
}

/** @throws if the case lacks the tensor */
export function tensorOf(golden: GoldenCase, name: string): Expected {
  const tensor = golden.tensors.get(name)
  if (!tensor)
    throw new Error(`${golden.folder}: expect.safetensors must hold "${name}"; it does not.`)
  return tensor
}
