import { DataError } from '@llft/errors'
import type { DType } from '@llft/native'
import type { SafetensorsFile } from '@llft/safetensors'
import { Module } from '../nn/index.js'
import type { Tensor } from '../tensor.js'
import { Decoder } from './decoder.js'
import type { DecoderConfig } from './decoder-config.js'
import type { LayerCache } from './forward-context.js'
import { IGNORED_TARGET, type TokenBatch } from './token-batch.js'
import type { WeightSource } from './weight-source.js'

/** The decoder's name among the children of a model. */
const DECODER = 'model'

/** A sum of losses and the number of targets in it. */
export interface Loss {
  /** float32 [1], in nats. */
  loss: Tensor
  countedTokens: number
}

/** What training adds to a loss, and an evaluation leaves out. */
export interface LossOptions {
  /** Part of each target, in [0, 1), that the whole vocabulary shares, as in transformers' LabelSmoother. Default 0. */
  readonly labelSmoothing?: number | undefined
  /** Strength of NEFTune's noise on the embeddings, from 0 up, see `addEmbeddingNoise`. Default 0: none. */
  readonly neftuneAlpha?: number | undefined
}

/**
 * A decoder and a head: the model of a checkpoint. The decoder is the child `model`; a subclass adds the head as a child
 * of its own, by the name that the checkpoint has for it, and says what there is to learn.
 */
export abstract class LanguageModel extends Module {
  /** Recompute each layer in backward instead of keeping its activations. Default false. */
  gradientCheckpointing = false
  /** The folder that it was loaded from, if it was: what is saved never goes there. */
  sourceFolder: string | undefined
  /** The files in which weights of it lie. */
  mappedFiles: readonly SafetensorsFile[] = []
  /** Type of the activations. */
  readonly dtype: DType
  /** Adapters that sequences of a batch may name; who puts layers that hold them into the model lists them here. */
  readonly adapterNames = new Set<string>()
  /** Which options its `loss` heeds; a run that is to have others is refused. */
  readonly lossOptions: readonly (keyof LossOptions)[] = []
  /** What PEFT calls the task, for adapter_config.json. */
  abstract readonly taskType: string

  constructor(
    readonly config: DecoderConfig,
    source: WeightSource,
  ) {
    super()
    this.dtype = source.dtype
    this.addChild(DECODER, new Decoder(config, source, DECODER))
  }

  /**
   * The sum over what is to be learnt, with a tape where a parameter is trainable.
   *
   * @throws DataError if the batch has no targets.
   */
  abstract loss(batch: TokenBatch, options?: LossOptions): Loss

  /** Hidden states after the final norm, [T, D]; of `options` it heeds `neftuneAlpha`. */
  forward(batch: TokenBatch, cache?: LayerCache, options: LossOptions = {}): Tensor {
    this.checkIds(batch)
    this.checkAdapters(batch)
    this.requireUnchangedFiles()
    return this.decoder.forward(batch, {
      cache,
      checkpointing: this.gradientCheckpointing,
      neftuneAlpha: options.neftuneAlpha,
    })
  }

  /** @throws FormatError naming a file that is mapped and was changed since. */
  requireUnchangedFiles(): void {
    for (const file of this.mappedFiles) file.requireUnchanged()
  }

  protected get decoder(): Decoder {
    return this.child(DECODER, Decoder)
  }

  private checkIds({ ids }: TokenBatch): void {
    requireBelow(ids, this.config.vocabulary, 'token ids')
  }

  private checkAdapters({ adapters = [], cuSeqlens }: TokenBatch): void {
    const sequences = cuSeqlens.length - 1
    if (adapters.length !== 0 && adapters.length !== sequences) {
      throw new DataError(
        `forward: adapters must name one for each of the ${sequences} sequences; got ${adapters.length}.`,
      )
    }
    const unknown = adapters.find((name) => name !== undefined && !this.adapterNames.has(name))
    if (unknown === undefined) return
    const known = [...this.adapterNames].join(', ') || 'none'
    throw new DataError(
      `forward: adapters must be among those of the model (${known}); got '${unknown}'.`,
    )
  }
}

/** A class of models with one kind of head: what loads, plans and creates models takes it. */
export interface LanguageModelClass<M extends LanguageModel> {
  new (config: DecoderConfig, source: WeightSource): M
  /** What its name in `architectures` of config.json ends with behind 'For', such as 'CausalLM'. */
  readonly head: string
}

/** Whether the module at `path` of a LanguageModel belongs to its decoder, and not to its head. */
export function isInDecoder(path: string): boolean {
  return path === DECODER || path.startsWith(`${DECODER}.`)
}

/** @throws DataError naming the first of `ids` that is neither in [0, limit) nor -100, where that is allowed. */
export function requireBelow(
  ids: Int32Array,
  limit: number,
  what: string,
  { ignored = false } = {},
): void {
  const isBad = (id: number) => (id < 0 || id >= limit) && !(ignored && id === IGNORED_TARGET)
  const place = ids.findIndex(isBad)
  if (place < 0) return
  throw new DataError(
    `forward: ${what} must be below the vocabulary of ${limit}; got ${ids[place]} at ${place}.`,
  )
}
