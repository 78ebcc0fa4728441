import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readJsonFile } from '@llft/input'
import { z } from 'zod'

/** The file that makes a folder a checkpoint: it is written last, and lists the others. */
export const MANIFEST = 'manifest.json'
export const FORMAT = 'llft-checkpoint-1'

export interface ManifestEntry {
  readonly bytes: number
  readonly sha256: string
}

export interface Manifest {
  readonly format: typeof FORMAT
  /** Steps that were done. */
  readonly step: number
  readonly files: Readonly<Record<string, ManifestEntry>>
}

const schema = z.strictObject({
  format: z.literal(FORMAT),
  step: z.number().int().nonnegative(),
  files: z.record(
    z.string(),
    z.strictObject({
      bytes: z.number().int().nonnegative(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
})

/**
 * Reads every file of a checkpoint and compares it with the manifest.
 *
 * @returns what is wrong with it, or undefined
 */
export async function damageOf(folder: string, step: number): Promise<string | undefined> {
  const json = await readJsonFile(join(folder, MANIFEST)).catch((error: Error) => error)
  if (json instanceof Error) return json.message
  const parsed = schema.safeParse(json)
  if (!parsed.success) return `${MANIFEST} does not have the form of a manifest`
  const { step: recorded, files } = parsed.data
  if (recorded !== step) return `${MANIFEST} is of step ${recorded}`
  for (const [name, entry] of Object.entries(files)) {
    const damage = await damageOfFile(join(folder, name), entry)
    if (damage !== undefined) return `${name} ${damage}`
  }
  const unlisted = (await readdir(folder)).filter((name) => name !== MANIFEST && !(name in files))
  return unlisted.length === 0 ? undefined : `${unlisted[0]} is not listed in ${MANIFEST}`
}

async function damageOfFile(path: string, entry: ManifestEntry): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return 'is missing'
  if (found.size !== entry.bytes) return `has ${found.size} bytes of ${entry.bytes}`
  const sha256 = await sha256OfFile(path).catch(() => 'nothing')
  return sha256 === entry.sha256 ? undefined : 'has other bytes than were written'
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hash.update(chunk as Buffer)
  }
  return hash.digest('hex')
}
