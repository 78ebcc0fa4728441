import { join } from 'node:path'
import { readJsonFile, readJsonIfThere } from '@llft/input'
import { SafetensorsFile } from '@llft/safetensors'
import { formatCount } from '@llft/train'
import { baseOfAdapter } from '../adapter-path.js'
import { shellWord } from '../shell-word.js'
import { formatSize } from '../size.js'
import type { Row } from '../table.js'
import { finiteProblems, readDeeply } from './finite.js'
import type { Inspection, InspectOptions, Inspector, Place } from './inspection.js'
import { weightFacts, weightSections } from './weights.js'

const CONFIG = 'adapter_config.json'
const WEIGHTS = 'adapter_model.safetensors'

/** A PEFT folder, also one in a checkpoint of a run. */
export const adapterInspector: Inspector = {
  kind: 'adapter',
  matches: ({ files }) => files.has(CONFIG),
  inspect: inspectAdapter,
}

async function inspectAdapter(place: Place, options: InspectOptions): Promise<Inspection> {
  const { path } = place
  const config = await readJsonFile(join(path, CONFIG), { maxBytes: 10e6 })
  const base = await baseOfAdapter(path).catch((error: Error) => error)
  const file = await SafetensorsFile.open(join(path, WEIGHTS))
  const tensors = [...file.tensors.values()].map((tensor) => ({ ...tensor, file }))
  const weights = weightFacts(tensors)
  const deep = options.deep ? await readDeeply(tensors, options) : undefined
  const step = await stepOf(place)
  const dead = deep?.zero.filter((name) => /lora_B/.test(name)) ?? []
  const found = base instanceof Error ? undefined : base
  return {
    summary: [
      `an adapter of ${formatCount(weights.elements)} parameters`,
      ...(step === undefined ? [] : [`the checkpoint of step ${step}`]),
      formatSize(place.bytes),
    ].join(', '),
    facts: {
      bytes: place.bytes,
      step,
      config,
      base: found ?? null,
      weights,
      ...(deep && { deep }),
    },
    sections: [
      { title: 'Adapter', rows: [...rowsOf(config), ['base', baseText(config, found)]] },
      ...weightSections(tensors, weights, options),
    ],
    problems: [...kindProblems(config), ...(deep ? finiteProblems(deep) : [])],
    notes: [
      ...(base instanceof Error ? [base.message] : []),
      ...(dead.length > 0
        ? [`${dead.length} of its B matrices are zero: there it has learnt nothing.`]
        : []),
    ],
    next: nextSteps(path, found),
  }
}

/** Of a checkpoint; undefined for an adapter alone. */
async function stepOf({ path, files }: Place): Promise<number | undefined> {
  if (!files.has('manifest.json')) return undefined
  const manifest = await readJsonIfThere(join(path, 'manifest.json')).catch(() => undefined)
  return typeof manifest?.step === 'number' ? manifest.step : undefined
}

type Config = Readonly<Record<string, unknown>>

function rowsOf(config: Config): Row[] {
  const text = (key: string) => shown(config[key])
  const switches = ['use_rslora', 'use_dora'].filter((key) => config[key] === true)
  const alpha = Number(config.lora_alpha)
  const r = Number(config.r)
  const scale = config.use_rslora === true ? alpha / Math.sqrt(r) : alpha / r
  return [
    ['kind', `${text('peft_type')}, ${text('task_type')}`],
    ['rank', text('r')],
    ['alpha', `${text('lora_alpha')}, so its scale is ${Math.round(scale * 1000) / 1000}`],
    ['dropout', text('lora_dropout')],
    ['targets', targetsOf(config.target_modules)],
    ...(config.bias === 'none' ? [] : [['biases', text('bias')] as Row]),
    ...(config.modules_to_save ? [['trained whole', text('modules_to_save')] as Row] : []),
    ...(switches.length === 0 ? [] : [['switches', switches.join(', ')] as Row]),
  ]
}

/** The last names of what may be hundreds of paths. */
function targetsOf(targets: unknown): string {
  if (!Array.isArray(targets)) return shown(targets)
  const names = [...new Set(targets.map((target) => String(target).split('.').at(-1)))]
  return names.length === targets.length
    ? names.join(', ')
    : `${names.join(', ')} in ${targets.length} layers`
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return 'not named'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function baseText(config: Config, found: string | undefined): string {
  const name = shown(config.base_model_name_or_path)
  return found === undefined ? `${name}, which is not here` : name
}

function kindProblems({ peft_type: kind }: Config): string[] {
  if (kind === 'LORA') return []
  return [`It is an adapter of the kind ${shown(kind)}; LLFT loads those of LoRA.`]
}

function nextSteps(path: string, base: string | undefined): Inspection['next'] {
  const word = shellWord(path)
  const model = base === undefined ? 'MODEL ' : ''
  const chat = base === undefined ? `MODEL --adapter ${word}` : word
  return [
    [`llft chat ${chat} --compare`, 'see what it learnt'],
    [`llft merge ${model}OUT --adapter ${word}`, 'make one model of base and adapter'],
  ]
}
