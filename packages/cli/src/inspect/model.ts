import { describeQuantization, storedQuantization } from '@llft/quant'
import { type DecoderConfig, readConfig } from '@llft/runtime'
import { type Checkpoint, openCheckpoint } from '@llft/safetensors'
import { formatCount } from '@llft/train'
import { shellWord } from '../shell-word.js'
import { formatSize } from '../size.js'
import { architectureFacts, architectureRows } from './architecture.js'
import { type DeepFacts, finiteProblems, readDeeply } from './finite.js'
import type { Inspection, InspectOptions, Inspector, Place, Section } from './inspection.js'
import { structureOf } from './structure.js'
import { inspectTokenizer } from './tokenizer.js'
import { weightFacts, weightSections } from './weights.js'

/** The folder of a checkpoint: config.json, weights, and a tokenizer where there is one. */
export const modelInspector: Inspector = {
  kind: 'model',
  matches: ({ files }) =>
    files.has('config.json') && [...files.keys()].some((name) => name.includes('.safetensors')),
  inspect: inspectModel,
}

/** What one part of a model gave; a part that cannot be read is a problem, and the others are shown. */
type Part = Partial<Omit<Inspection, 'next'>>

async function inspectModel(place: Place, options: InspectOptions): Promise<Inspection> {
  const config = await attempt(() => readConfig(place.path))
  const checkpoint = await attempt(() => openCheckpoint(place.path))
  const tokenizer = place.files.has('tokenizer.json')
    ? await attempt(() => inspectTokenizer(place.path, resultOf(config)))
    : { problem: 'There is no tokenizer.json, so texts cannot be encoded.' }
  const weights =
    'value' in checkpoint
      ? await weightsPart(checkpoint.value, resultOf(config), options)
      : undefined
  const parts: Part[] = [
    'value' in config ? architecturePart(config.value, place) : {},
    weights ?? {},
    'value' in tokenizer ? tokenizerPart(tokenizer.value) : {},
  ]
  const failed = [config, checkpoint, tokenizer].flatMap((part) =>
    'problem' in part ? [part.problem] : [],
  )
  const word = shellWord(place.path)
  return {
    summary: summaryOf(resultOf(config), weights, place),
    facts: Object.assign({ bytes: place.bytes }, ...parts.map(({ facts }) => facts)),
    sections: parts.flatMap(({ sections = [] }) => sections),
    problems: [...failed, ...parts.flatMap(({ problems = [] }) => problems)],
    notes: parts.flatMap(({ notes = [] }) => notes),
    next: [[`llft chat ${word}`, 'talk with it']],
  }
}

type Attempt<T> = { readonly value: T } | { readonly problem: string }

async function attempt<T>(read: () => Promise<T>): Promise<Attempt<T>> {
  return read().then(
    (value) => ({ value }),
    (error: Error) => ({ problem: error.message }),
  )
}

function resultOf<T>(attempted: Attempt<T>): T | undefined {
  return 'value' in attempted ? attempted.value : undefined
}

function summaryOf(config: DecoderConfig | undefined, weights: Part | undefined, place: Place) {
  const kind = config === undefined ? 'a model' : `a model, ${config.architecture}`
  const parameters = weights?.facts?.parameters
  const count = typeof parameters === 'number' ? `, ${formatCount(parameters)} parameters` : ''
  return `${kind}${count}, ${formatSize(place.bytes)} in ${place.files.size} files`
}

function architecturePart(config: DecoderConfig, { path }: Place): Part {
  const sections: Section[] = [{ title: 'Architecture', rows: architectureRows(config) }]
  try {
    const stored = storedQuantization(config, path)
    const quantization = stored === undefined ? null : describeQuantization(stored)
    if (quantization !== null) {
      sections.push({ title: 'Quantisation', rows: [['stored as', quantization]] })
    }
    return { facts: { architecture: architectureFacts(config), quantization }, sections }
  } catch (error) {
    return {
      facts: { architecture: architectureFacts(config) },
      sections,
      problems: [(error as Error).message],
    }
  }
}

async function weightsPart(
  checkpoint: Checkpoint,
  config: DecoderConfig | undefined,
  options: InspectOptions,
): Promise<Part> {
  const tensors = [...checkpoint.tensors.values()]
  const weights = weightFacts(tensors)
  const { parameters, problems, notes } =
    config === undefined
      ? { parameters: undefined, problems: [], notes: [] }
      : await structureOf(checkpoint, config)
  const deep = options.deep ? await readDeeply(tensors, options) : undefined
  return {
    facts: { weights, parameters, files: checkpoint.files.length, ...(deep && { deep }) },
    sections: weightSections(tensors, weights, options),
    problems: [...problems, ...(deep ? finiteProblems(deep) : [])],
    notes: [...notes, ...unlistedNotes(checkpoint), ...deepNotes(deep)],
  }
}

function unlistedNotes({ unlisted }: Checkpoint): string[] {
  if (unlisted.length === 0) return []
  return [
    `${unlisted.length} tensors lie in a shard though the index does not list them: ${unlisted[0]} ...`,
  ]
}

function deepNotes(deep: DeepFacts | undefined): string[] {
  if (deep === undefined || deep.skipped === 0) return []
  return [`${deep.skipped} tensors are of types that were not looked into.`]
}

function tokenizerPart({ facts, sections, problems, notes }: Omit<Inspection, 'next'>): Part {
  return { facts: { tokenizer: facts }, sections, problems, notes }
}
