import { readConfig } from '@llft/runtime'
import { openCheckpoint, SafetensorsFile } from '@llft/safetensors'
import { formatCount } from '@llft/train'
import type { Inspection } from './inspection.js'
import { tensorFacts } from './tensors.js'
import { tokenizerFacts } from './tokenizer.js'

/** A model folder: its architecture, weights, tokenizer and template. */
export async function inspectModel(path: string, lists: boolean): Promise<Inspection> {
  const problems: string[] = []
  const config = await readConfig(path)
  const checkpoint = await openCheckpoint(path).catch((error: Error) => {
    problems.push(error.message)
    return undefined
  })
  const tensors = [...(checkpoint?.tensors.values() ?? [])]
  const elements = tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  for (const name of checkpoint?.unlisted ?? []) problems.push(`${name} is not in the index`)
  const tokenizer = await tokenizerFacts(path, config.vocabulary).catch((error: Error) => {
    problems.push(error.message)
    return { facts: {}, problems: [] }
  })
  return {
    kind: 'model',
    path,
    facts: {
      architecture: config.architecture,
      parameters: formatCount(elements),
      shape: `${config.layers} layers, width ${config.width}, vocabulary ${formatCount(config.vocabulary)}, context ${formatCount(config.maxPositions)}`,
      ...(config.source.quantization_config
        ? { quantization: JSON.stringify(config.source.quantization_config) }
        : {}),
      ...tensorFacts(tensors, lists),
      ...tokenizer.facts,
    },
    problems: [...problems, ...tokenizer.problems],
  }
}

/** A single file of tensors. */
export async function inspectTensorFile(path: string, lists: boolean): Promise<Inspection> {
  const file = await SafetensorsFile.open(path)
  const metadata = Object.entries(file.metadata).map(([name, value]) => `${name}: ${value}`)
  return {
    kind: 'safetensors file',
    path,
    facts: { metadata: metadata.join('\n'), ...tensorFacts([...file.tensors.values()], lists) },
    problems: [],
  }
}
