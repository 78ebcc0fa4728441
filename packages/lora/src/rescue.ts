import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { Warnings } from '@llft/errors'
import type { LanguageModel } from '@llft/runtime'
import { type AdapterFacts, prepareAdapterFolder, writeAdapter } from './adapter-output.js'

/**
 * Saves an adapter whose own folder failed: beside it, else in the temporary directory.
 *
 * @returns the folder, or undefined where neither takes it
 */
export async function rescueAdapter(
  model: LanguageModel,
  output: string,
  facts: AdapterFacts,
  warnings: Warnings,
): Promise<string | undefined> {
  const path = resolve(output)
  for (const parent of [dirname(path), tmpdir()]) {
    const folder = await mkdtemp(join(parent, `${basename(path)}-rescued-`)).catch(() => undefined)
    if (folder === undefined) continue
    try {
      await saveTo(folder, model, facts, warnings)
      return folder
    } catch {
      await rm(folder, { recursive: true, force: true })
    }
  }
  return undefined
}

async function saveTo(
  folder: string,
  model: LanguageModel,
  facts: AdapterFacts,
  warnings: Warnings,
): Promise<void> {
  const output = await prepareAdapterFolder(folder, { where: 'loraTrain.output' })
  try {
    await writeAdapter(output, model, facts, warnings)
  } finally {
    await output.release()
  }
}
