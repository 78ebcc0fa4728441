import { ConfigError } from '@llft/errors'
import { yamlSource } from '../config-source.js'
import { applyTable, type ImportTable } from './apply-table.js'
import { axolotlTable } from './axolotl.js'
import { axolotlKeys } from './axolotl-datasets.js'
import { isCommandLine, parseCommandLine } from './command-line.js'
import type { Given, ImportedConfig } from './import-rules.js'
import { llamaFactoryTable } from './llama-factory.js'
import { mlxLmTable } from './mlx-lm.js'
import { transformersTable } from './transformers.js'
import { unslothTable } from './unsloth.js'

const TABLES = {
  axolotl: axolotlTable,
  'llama-factory': llamaFactoryTable,
  'mlx-lm': mlxLmTable,
  unsloth: unslothTable,
  transformers: transformersTable,
} as const satisfies Record<string, (given: Given) => ImportTable>

/** A tool whose configurations are read; 'transformers' is TRL's, too. */
export type ImportSource = keyof typeof TABLES

export const IMPORT_SOURCES = Object.keys(TABLES) as ImportSource[]

/** Keys that only one of the tools has, in the order in which they are looked for. */
const TELLING: Readonly<Record<ImportSource, readonly string[]>> = {
  axolotl: ['base_model', 'micro_batch_size', 'sequence_len', 'sample_packing'],
  'llama-factory': ['finetuning_type', 'cutoff_len', 'lora_rank', 'stage'],
  'mlx-lm': ['lora_parameters', 'fine_tune_type', 'iters', 'steps_per_report', 'adapter_path'],
  unsloth: [
    'use_gradient_checkpointing',
    'random_state',
    'finetune_vision_layers',
    'model_name',
    'target_modules',
  ],
  transformers: [
    'per_device_train_batch_size',
    'model_name_or_path',
    'num_train_epochs',
    'learning_rate',
    'output_dir',
  ],
}

/** Programs that a command line begins with. */
const PROGRAMS: Partial<Readonly<Record<ImportSource, RegExp>>> = {
  axolotl: /\baxolotl\b/,
  'llama-factory': /\bllamafactory|LLaMA-Factory/i,
  'mlx-lm': /\bmlx_lm\b/,
  unsloth: /\bunsloth\b/,
  transformers: /\btrl\b|\bsft\.py\b/,
}

export interface ImportInput {
  /** YAML, JSON, or a command line. */
  readonly text: string
  /** Where it came from, for messages. */
  readonly name: string
  /** Default: found by its keys. */
  readonly from?: ImportSource | undefined
}

/**
 * A configuration of another tool as one of LLFT: every key is carried over, changed, or left out with the reason, and
 * defaults of that tool that are not ours are written out.
 *
 * @throws ConfigError for a text that is none, and for one of no known tool.
 */
export function importConfig({ text, name, from }: ImportInput): ImportedConfig & {
  readonly from: ImportSource
} {
  const { program, options } = isCommandLine(text)
    ? parseCommandLine(text)
    : { program: [], options: parsed(text, name) }
  const source = from ?? sourceOf(program.join(' '), options)
  if (source === undefined) {
    throw new ConfigError(
      `${name}: must be a configuration of ${IMPORT_SOURCES.join(', ')}; got one with ${Object.keys(options).slice(0, 5).join(', ')}. Say which it is: --tool ${IMPORT_SOURCES[0]}.`,
    )
  }
  const given = source === 'axolotl' ? axolotlKeys(options) : options
  return { from: source, ...applyTable(TABLES[source](given), given) }
}

function sourceOf(program: string, given: Given): ImportSource | undefined {
  return (
    IMPORT_SOURCES.find((source) => PROGRAMS[source]?.test(program)) ??
    IMPORT_SOURCES.find((source) => TELLING[source].some((key) => key in given))
  )
}

function parsed(text: string, name: string): Given {
  const { value } = yamlSource(text, name)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Given
  throw new ConfigError(`${name}: must be an object of options or a command line; got neither.`)
}
