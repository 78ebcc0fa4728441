import { SafetensorsFile } from '@llft/safetensors'
import { formatCount } from '@llft/train'
import { formatSize } from '../size.js'
import { finiteProblems, readDeeply } from './finite.js'
import type { Inspection, InspectOptions, Inspector, Place, Section } from './inspection.js'
import { weightFacts, weightSections } from './weights.js'

/** One file of safetensors. */
export const safetensorsInspector: Inspector = {
  kind: 'safetensors',
  matches: ({ isFolder, path }) => !isFolder && path.endsWith('.safetensors'),
  inspect: inspectFile,
}

async function inspectFile(place: Place, options: InspectOptions): Promise<Inspection> {
  const file = await SafetensorsFile.open(place.path)
  const tensors = [...file.tensors.values()].map((tensor) => ({ ...tensor, file }))
  const weights = weightFacts(tensors)
  const deep = options.deep ? await readDeeply(tensors, options) : undefined
  return {
    summary: `a file of ${formatCount(weights.tensors)} tensors, ${formatSize(place.bytes)}`,
    facts: { bytes: place.bytes, weights, metadata: file.metadata, ...(deep && { deep }) },
    sections: [...weightSections(tensors, weights, options), ...metadataSections(file)],
    problems: deep ? finiteProblems(deep) : [],
    notes: [],
    next: [],
  }
}

function metadataSections({ metadata }: SafetensorsFile): Section[] {
  const rows = Object.entries(metadata)
  return rows.length === 0 ? [] : [{ title: 'Metadata', rows }]
}
