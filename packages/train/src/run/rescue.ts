import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { Warnings } from '@llft/errors'
import type { CausalLM } from '@llft/runtime'
import type { Adaptation, ResultFacts } from './adaptation.js'

/**
 * Saves a result whose own folder failed: beside it, else in the temporary directory.
 *
 * @returns the folder, or undefined where neither takes it
 */
export async function rescueResult(
  adaptation: Adaptation,
  model: CausalLM,
  output: string,
  facts: ResultFacts,
  warnings: Warnings,
): Promise<string | undefined> {
  const path = resolve(output)
  for (const parent of [dirname(path), tmpdir()]) {
    const folder = await mkdtemp(join(parent, `${basename(path)}-rescued-`)).catch(() => undefined)
    if (folder === undefined) continue
    try {
      const target = await adaptation.prepareOutput(folder, { where: 'output' })
      try {
        await adaptation.save(target, model, facts, warnings)
      } finally {
        await target.release()
      }
      return folder
    } catch {
      await rm(folder, { recursive: true, force: true })
    }
  }
  return undefined
}
