import { join } from 'node:path'
import { FormatError } from '@llft/errors'
import { readJsonFile } from '@llft/input'
import { flag, parseOptions } from '@llft/options'
import {
  copy,
  dtypeOfFile,
  FLOAT_DTYPES,
  type LanguageModel,
  readSumSquares,
  scope,
  Tensor,
} from '@llft/runtime'
import { SafetensorsFile } from '@llft/safetensors'
import { z } from 'zod'
import { parseAdapterConfig } from './adapter-config.js'
import { CONFIG_FILE, WEIGHTS_FILE } from './adapter-output.js'
import { adapterTensors, KEY_PREFIX } from './adapter-tensors.js'
import { attachmentOf } from './attachment.js'
import type { LoraConfig, LoraOptions } from './config.js'
import { injectLora, removeLora } from './inject.js'
import { endsWithName } from './name-pattern.js'

export interface LoadAdapterOptions {
  /** Whether the adapter goes on training. Default false. */
  trainable?: boolean | undefined
}

const schema = z.strictObject({ trainable: flag.default(false) })

/**
 * Puts the adapter of a PEFT folder into `model`: adapter_config.json and adapter_model.safetensors in float32, bfloat16
 * or float16. Keys may lack `base_model.model.` or carry the adapter name `.default.`.
 *
 * @returns the adapter's configuration
 * @throws FormatError naming every key that is unknown, missing or of another shape; ConfigError for features that are
 *   not supported and targets that the model does not have. The model is as it was then.
 */
export async function loadAdapter(
  model: LanguageModel,
  folder: string,
  options: LoadAdapterOptions = {},
): Promise<LoraConfig> {
  const { trainable } = parseOptions(schema, options, 'loadAdapter')
  const configPath = join(folder, CONFIG_FILE)
  const loraOptions = parseAdapterConfig(
    await readJsonFile(configPath, { maxBytes: 10e6 }),
    configPath,
    model.taskType,
  )
  const file = await SafetensorsFile.open(join(folder, WEIGHTS_FILE))
  const config = injectLora(model, withOwnHead(model, loraOptions))
  try {
    const tensors = adapterTensors(model, attachmentOf(model, 'loadAdapter'))
    const stored = matchKeys(file, tensors)
    for (const [key, tensor] of tensors) await fill(tensor, file, stored.get(key) as string)
    if (!trainable) for (const tensor of tensors.values()) tensor.requiresGrad = false
    return config
  } catch (error) {
    removeLora(model)
    throw error
  }
}

/**
 * For a classifier PEFT lists the heads of every architecture ('classifier', 'score') among the modules that are saved:
 * those that this model has are meant.
 */
function withOwnHead(model: LanguageModel, options: LoraOptions): LoraOptions {
  const { modulesToSave } = options
  if (model.taskType === 'CAUSAL_LM' || modulesToSave === undefined) return options
  const paths = [...model.modules()].map(([path]) => path)
  const present = modulesToSave.filter((name) => paths.some((path) => endsWithName(path, name)))
  return { ...options, modulesToSave: present }
}

/** For each wanted key, the name in the file. @throws FormatError that names whatever does not fit. */
function matchKeys(
  file: SafetensorsFile,
  wanted: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, string> {
  const stored = new Map<string, string>()
  const problems: string[] = []
  for (const { name, shape } of file.tensors.values()) {
    const key = canonicalKey(name)
    const tensor = wanted.get(key)
    if (tensor === undefined) problems.push(`unknown "${name}"`)
    else if (stored.has(key)) problems.push(`"${name}" twice`)
    else if (tensor.shape.join() !== shape.join()) {
      problems.push(`"${name}" of shape [${shape.join(', ')}] for [${tensor.shape.join(', ')}]`)
    }
    stored.set(key, name)
  }
  for (const key of wanted.keys()) if (!stored.has(key)) problems.push(`no "${key}"`)
  if (problems.length === 0) return stored
  const more = problems.length > 8 ? ` and ${problems.length - 8} more` : ''
  throw new FormatError(
    `${file.path}: must hold exactly the tensors of the adapter; got ${problems.slice(0, 8).join(', ')}${more}.`,
  )
}

/** The key as PEFT writes it today, from one of an unnamed prefix or with the adapter's name in it. */
function canonicalKey(name: string): string {
  const prefixed = name.startsWith(KEY_PREFIX) ? name : `${KEY_PREFIX}${name}`
  return prefixed
    .replace(/\.(lora_[AB])\.default\.weight$/, '.$1.weight')
    .replace(/\.lora_magnitude_vector\.default(?:\.weight)?$/, '.lora_magnitude_vector')
    .replace(/\.lora_magnitude_vector\.weight$/, '.lora_magnitude_vector')
    .replace(/\.modules_to_save\.default\.([^.]+)$/, '.$1')
}

async function fill(tensor: Tensor, file: SafetensorsFile, name: string): Promise<void> {
  const stored = file.tensors.get(name)?.dtype
  const dtype = stored && dtypeOfFile(stored)
  if (dtype === undefined || !FLOAT_DTYPES.includes(dtype)) {
    throw new FormatError(`${file.path}: tensor "${name}" must be F32, BF16 or F16; got ${stored}.`)
  }
  const bytes = await file.read(name)
  scope(() => copy(Tensor.fromBytes(bytes, dtype, tensor.shape), tensor))
  if (Number.isFinite(await readSumSquares([tensor]))) return
  throw new FormatError(
    `${file.path}: tensor "${name}" must be finite; got NaN, infinity, or values whose squares are. Train the adapter again, with a lower learning rate.`,
  )
}
