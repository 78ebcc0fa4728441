import { basename, resolve } from 'node:path'
import { FormatError } from '@llft/errors'
import { flag, parseOptions } from '@llft/options'
import type { Checkpoint } from '@llft/safetensors'
import { z } from 'zod'
import { CausalLM } from '../models/causal-lm.js'
import type { DecoderConfig } from '../models/decoder-config.js'
import type { LanguageModel, LanguageModelClass } from '../models/language-model.js'
import { unscoped } from '../scope.js'
import { MappedBacking, ReadBacking } from './backing.js'
import { CheckpointSource } from './checkpoint-source.js'
import { type ComputeDtype, computeDtypes } from './compute-dtype.js'
import { FiniteCheck } from './finite-check.js'
import type { LinearLoader } from './linear-loader.js'
import { openModel } from './open-model.js'

export interface LoadOptions {
  /**
   * Type of weights and activations. 'auto', the default, is bfloat16 where the machine multiplies it natively and the
   * checkpoint is stored in 16 bits, else float32.
   */
  dtype?: ComputeDtype | undefined
  /** Refuse weights that hold NaN or infinity; costs one pass over them. Default true. */
  checkFinite?: boolean | undefined
  /**
   * Map the files instead of reading them: fast, and memory is shared with the system's cache. A mapped file must stay as
   * it is; a change is noticed at the next use. Set false where files can change or vanish underneath, as on network file
   * systems: weights are then read into memory. Default true.
   */
  mmap?: boolean | undefined
  /** Loads linear layers in another form than floats; @llft/quant has one. Default: floats. */
  loadLinear?: LinearLoader | undefined
}

const schema = z.strictObject({
  dtype: computeDtypes.default('auto'),
  checkFinite: flag.default(true),
  mmap: flag.default(true),
  loadLinear: z
    .custom<LinearLoader>((value) => typeof value === 'function', 'must be a function')
    .optional(),
})

/**
 * Loads a Hugging Face model folder: config.json and one or many safetensors files, float32, bfloat16 or float16.
 *
 * Files are memory-mapped; tensors stored in the compute type are not copied, and no byte is read twice.
 *
 * @throws ConfigError for an option that does not hold, or a configuration that is not supported.
 * @throws FormatError naming a tensor that is missing, extra, misshapen, of another type or not finite.
 */
export function loadModel(folder: string, options: LoadOptions = {}): Promise<CausalLM> {
  return loadModelAs(CausalLM, folder, options)
}

/** As `loadModel`, with the head of another class of models. */
export async function loadModelAs<M extends LanguageModel>(
  kind: LanguageModelClass<M>,
  folder: string,
  options: LoadOptions = {},
): Promise<M> {
  const parsed = parseOptions(schema, options, 'loadModel')
  const { dtype: asked, checkFinite, mmap, loadLinear } = parsed
  const { config, checkpoint, dtype } = await openModel(folder, {
    dtype: asked,
    loadLinear,
    head: kind.head,
  })
  const backing = mmap ? new MappedBacking(checkpoint) : new ReadBacking(checkpoint)
  const finite = checkFinite ? new FiniteCheck() : undefined
  const source = new CheckpointSource(backing, { dtype, loadLinear, finite })
  try {
    const model = unscoped(() => new kind(config, source))
    rejectLeftOver(checkpoint, source.taken, (name) => isDerived(name, config))
    await finite?.rejectNonFinite(checkpoint)
    model.sourceFolder = resolve(folder)
    if ([...model.parameters()].some(([, tensor]) => tensor.readOnly)) {
      model.mappedFiles = checkpoint.files
    }
    return model
  } catch (error) {
    source.abandon()
    throw error
  } finally {
    backing.close()
    finite?.dispose()
  }
}

/** @throws FormatError naming tensors that nobody took, unless `ignorable` says that they need not be. */
function rejectLeftOver(
  { folder, tensors }: Checkpoint,
  taken: ReadonlySet<string>,
  ignorable: (name: string) => boolean,
): void {
  const extra = [...tensors.values()].filter(({ name }) => !taken.has(name) && !ignorable(name))
  if (extra.length === 0) return
  const listed = extra.slice(0, 5).map(({ name, file }) => `"${name}" in ${basename(file.path)}`)
  const more = extra.length > 5 ? ` and ${extra.length - 5} more` : ''
  throw new FormatError(
    `${folder}: every tensor must belong to the model of config.json; ` +
      `got ${listed.join(', ')}${more}, which it does not have.`,
  )
}

/** Tensors that files of some age hold although they follow from the configuration or from another tensor. */
function isDerived(name: string, config: DecoderConfig): boolean {
  return (
    name.endsWith('.rotary_emb.inv_freq') || (config.tiedEmbeddings && name === 'lm_head.weight')
  )
}
