import { type WarningHandler, Warnings } from '@llft/errors'
import { flag, handler, parseOptions } from '@llft/options'
import type { LanguageModel } from '@llft/runtime'
import { z } from 'zod'
import { prepareAdapterFolder, writeAdapter } from './adapter-output.js'
import { attachmentOf } from './attachment.js'

export interface SaveAdapterOptions {
  /** Folder or name of the base model, recorded in the adapter. Default null: not recorded. */
  baseModel?: string | null | undefined
  /** Further lines for the model card, such as data and losses. */
  notes?: Readonly<Record<string, string | number>> | undefined
  /** Replace an adapter in a folder that holds other files as well; these stay. Default false. */
  overwrite?: boolean | undefined
  /** Default: a line on stderr for each warning. */
  onWarning?: WarningHandler | undefined
}

const schema = z.strictObject({
  baseModel: z.string('must be a folder, a name or null').nullish(),
  notes: z
    .record(
      z.string(),
      z.union([z.string(), z.number()], 'must be a text or a number'),
      'must be an object of texts and numbers',
    )
    .optional(),
  overwrite: flag.optional(),
  onWarning: handler<WarningHandler>().optional(),
} satisfies Record<keyof SaveAdapterOptions, z.ZodType>)

/**
 * Writes the adapter of `model` as a folder that PEFT loads: adapter_config.json, adapter_model.safetensors in float32,
 * README.md. All are written and flushed before the first takes its place, the configuration last.
 *
 * @throws ConfigError if the model has no adapter, or the folder cannot be written, is being written by another run or
 *   holds files of others and `overwrite` is not set; system errors, such as a full disk, as they are.
 */
export async function saveAdapter(
  model: LanguageModel,
  folder: string,
  options: SaveAdapterOptions = {},
): Promise<void> {
  const parsed = parseOptions(schema, options, 'saveAdapter')
  const { baseModel = null, notes = {}, overwrite, onWarning } = parsed
  attachmentOf(model, 'saveAdapter')
  const output = await prepareAdapterFolder(folder, { where: 'saveAdapter.folder', overwrite })
  try {
    await writeAdapter(output, model, { baseModel, notes }, new Warnings(onWarning))
  } finally {
    await output.release()
  }
}
