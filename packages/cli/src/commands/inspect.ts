import { FormatError } from '@llft/errors'
import { resultIn } from '../adapter-path.js'
import type { CommandContext } from '../command-context.js'
import { EXIT } from '../exit-codes.js'
import type { InspectOptions, Place } from '../inspect/inspection.js'
import { INSPECTORS } from '../inspect/inspectors.js'
import { placeOf } from '../inspect/place.js'
import { showInspection } from '../inspect/show.js'
import { shellWord } from '../shell-word.js'

/** `llft inspect PATH`: exits with 3 if it found a problem. */
export async function inspect({ output, args, options, exit }: CommandContext): Promise<void> {
  const place = await placeOf(args[0] ?? '')
  const inspector = INSPECTORS.find((candidate) => candidate.matches(place))
  if (inspector === undefined) throw await unknown(place)
  const { tensors, deep, model } = options as InspectOptions
  const onProgress = (text: string) => output.status(text)
  const found = await inspector.inspect(place, { tensors, deep, model, onProgress })
  output.endStatus()
  const { facts, problems, notes } = found
  const { kind } = inspector
  output.event({ type: 'inspection', kind, path: place.path, facts, problems, notes })
  if (!output.isJson) showInspection(output, place.path, found)
  if (problems.length > 0) exit(EXIT.data)
  else output.next(...found.next)
}

async function unknown({ path, isFolder, files, folders }: Place): Promise<FormatError> {
  if (!isFolder) {
    const gguf = /\.gguf$/i.test(path)
    const fix = gguf ? ' Take the safetensors checkpoint from which it was made.' : ''
    return new FormatError(
      `${path}: must be a .safetensors file, or rows as .jsonl, .json, .csv, .tsv, .txt or .md; got ${gguf ? 'a GGUF file' : 'another kind of file'}.${fix}`,
    )
  }
  const got = [...files.keys(), ...[...folders].map((name) => `${name}/`)]
  const more = got.length > 6 ? ' ...' : ''
  const result = await resultIn(path)
  const fix = result === undefined ? '' : ` Look at its result: llft inspect ${shellWord(result)}`
  return new FormatError(
    `${path}: must be the folder of a model, an adapter or a tokenizer; got ${got.slice(0, 6).join(', ') || 'an empty one'}${more}.${fix}`,
  )
}
