import { ConfigError, FormatError } from '@llft/errors'
import type { Attachment } from './attachment.js'
import { type LoraConfig, type LoraOptions, loraConfig } from './config.js'
import { defaultTargetModules } from './target-modules.js'

/** adapter_config.json: the keys of PEFT's LoraConfig, in its spelling. */
export type AdapterConfigJson = Record<string, unknown>

/** The release of PEFT whose keys these are. */
const PEFT_VERSION = '0.21.0'

export interface AdapterConfigContext {
  /** Folder or name of the base model, or null. */
  baseModel: string | null
  modelType: string
  /** As PEFT calls what the model is for, such as 'CAUSAL_LM'. */
  taskType: string
}

/** What an adapter folder says of `attachment`, in PEFT's keys. */
export function adapterConfigJson(
  attachment: Attachment,
  { baseModel, modelType, taskType }: AdapterConfigContext,
): AdapterConfigJson {
  const { config, layers } = attachment
  const { modulesToSave } = config
  const resolved = config.targetModules ?? defaultTargetModules(modelType)
  const isShorthand = typeof resolved === 'string' && resolved.toLowerCase() === 'all-linear'
  const targets = isShorthand ? [...layers.keys()] : resolved
  return {
    peft_type: 'LORA',
    task_type: taskType,
    peft_version: PEFT_VERSION,
    base_model_name_or_path: baseModel,
    revision: null,
    inference_mode: true,
    auto_mapping: null,
    r: config.r,
    lora_alpha: config.alpha,
    lora_dropout: config.dropout,
    target_modules: typeof targets === 'string' ? targets : [...targets].sort(),
    exclude_modules: config.excludeModules ?? null,
    rank_pattern: resolvedPattern(layers, 'r', config.rankPattern),
    alpha_pattern: resolvedPattern(layers, 'alpha', config.alphaPattern),
    layers_to_transform: config.layersToTransform ?? null,
    layers_pattern: config.layersPattern ?? null,
    bias: config.bias,
    modules_to_save: modulesToSave.length === 0 ? null : modulesToSave,
    use_rslora: config.useRslora,
    use_dora: config.useDora,
    init_lora_weights: config.initLoraWeights,
    fan_in_fan_out: false,
    lora_bias: false,
    layer_replication: null,
    megatron_config: null,
    megatron_core: 'megatron.core',
    loftq_config: {},
    trainable_token_indices: null,
    target_parameters: null,
    ensure_weight_tying: false,
  }
}

/**
 * Patterns by whole module paths. Keys are sorted when the file is written, and the first that matches counts, so
 * overlapping patterns could mean another thing when they are read again.
 */
function resolvedPattern(
  layers: Attachment['layers'],
  field: 'r' | 'alpha',
  pattern: Readonly<Record<string, number>>,
): Record<string, number> {
  if (Object.keys(pattern).length === 0) return {}
  return Object.fromEntries([...layers].map(([path, layer]) => [path, layer.size[field]]))
}

/** Keys that say nothing about what the adapter computes. */
const IGNORED_KEYS = new Set([
  'auto_mapping',
  'base_model_name_or_path',
  'inference_mode',
  'megatron_core',
  'peft_type',
  'peft_version',
  'qalora_group_size',
  'revision',
  'runtime_config',
  'task_type',
])

/** PEFT's key of each option of ours. `seed` has none. */
const OPTION_KEYS = {
  r: 'r',
  lora_alpha: 'alpha',
  lora_dropout: 'dropout',
  target_modules: 'targetModules',
  exclude_modules: 'excludeModules',
  rank_pattern: 'rankPattern',
  alpha_pattern: 'alphaPattern',
  layers_to_transform: 'layersToTransform',
  layers_pattern: 'layersPattern',
  bias: 'bias',
  modules_to_save: 'modulesToSave',
  use_rslora: 'useRslora',
  use_dora: 'useDora',
  init_lora_weights: 'initLoraWeights',
} as const satisfies Record<string, keyof LoraConfig>

/**
 * The LoRA options of an adapter_config.json that PEFT or `saveAdapter` wrote.
 *
 * Keys that are null, false or empty change nothing and are passed over, known or not.
 *
 * @param where starts every message: the path of the file
 * @param taskType what the model is for that takes the adapter, as PEFT calls it
 * @throws FormatError for another kind of adapter, ConfigError for a feature that is not supported.
 */
export function parseAdapterConfig(json: unknown, where: string, taskType: string): LoraOptions {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new FormatError(`${where}: must hold a JSON object; got ${JSON.stringify(json)}.`)
  }
  const { peft_type: kind, task_type: task } = json as AdapterConfigJson
  if (kind !== 'LORA') {
    throw new FormatError(`${where}: peft_type must be "LORA"; got ${JSON.stringify(kind)}.`)
  }
  if (task !== taskType && task !== null && task !== undefined) {
    throw new ConfigError(`${where}: task_type must be "${taskType}"; got ${JSON.stringify(task)}.`)
  }
  const options: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(json)) {
    if (IGNORED_KEYS.has(key) || value === null) continue
    const option = OPTION_KEYS[key as keyof typeof OPTION_KEYS]
    if (option !== undefined) options[option] = value
    else if (!isEmpty(value)) {
      throw new ConfigError(
        `${where}: ${key} must be unset, as it is not supported; got ${JSON.stringify(value)}.`,
      )
    }
  }
  // Matrices come from the file; how they once started does not matter, and PEFT knows more ways.
  delete options.initLoraWeights
  return checked(options, where)
}

function checked(options: LoraOptions, where: string): LoraOptions {
  try {
    loraConfig(options)
    return options
  } catch (error) {
    throw new ConfigError(`${where}: ${(error as Error).message}`)
  }
}

function isEmpty(value: unknown): boolean {
  if (value === false) return true
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}
