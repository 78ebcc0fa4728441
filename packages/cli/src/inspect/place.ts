import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { closestName, FormatError } from '@llft/errors'
import type { Place } from './inspection.js'

/** Files that say nothing without those beside them: their folder is meant. */
const OF_FOLDERS = new Set([
  'config.json',
  'generation_config.json',
  'adapter_config.json',
  'model.safetensors.index.json',
  'tokenizer.json',
  'tokenizer_config.json',
])

/** @throws FormatError if there is nothing, with the nearest name there is */
export async function placeOf(path: string): Promise<Place> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw await missing(path)
  if (found.isDirectory()) return folderPlace(path)
  if (found.isFile() && OF_FOLDERS.has(basename(path))) return folderPlace(dirname(path))
  return { path, isFolder: false, files: new Map(), folders: new Set(), bytes: found.size }
}

async function folderPlace(path: string): Promise<Place> {
  const files = new Map<string, number>()
  const folders = new Set<string>()
  for (const name of await readdir(path)) {
    // A link that leads nowhere is no file; a file may go while it is looked at.
    const found = await stat(join(path, name)).catch(() => undefined)
    if (found?.isFile()) files.set(name, found.size)
    if (found?.isDirectory()) folders.add(name)
  }
  const bytes = [...files.values()].reduce((sum, size) => sum + size, 0)
  return { path, isFolder: true, files, folders, bytes }
}

async function missing(path: string): Promise<FormatError> {
  const folder = dirname(resolve(path))
  const near = closestName(basename(path), await readdir(folder).catch(() => []))
  const fix = near === undefined ? '' : ` Did you mean '${join(dirname(path), near)}'?`
  return new FormatError(`${path}: must be a file or a folder; got no such path.${fix}`)
}
