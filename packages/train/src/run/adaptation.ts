import type { Warnings } from '@llft/errors'
import type { CausalLM, LanguageModel } from '@llft/runtime'
import type { OutputFolder, TensorSource } from '@llft/safetensors'
import type { GroupsOf } from '../optimizers/parameters.js'

/** What the files of a result say beside its weights. */
export interface ResultFacts {
  /** Folder or name of the base model, if it is known. */
  readonly baseModel: string | null
  /** What it was trained with, for a model card. */
  readonly notes: Readonly<Record<string, string | number>>
}

/** A file of a result: its bytes, or tensors that are read when it is written. */
export interface ResultFile {
  readonly name: string
  readonly content: string | Uint8Array | readonly TensorSource[]
}

/** What to do with a folder that is to take a result. */
export interface ResultFolderOptions {
  /** Starts every message, such as 'loraTrain.output'. */
  readonly where: string
  readonly overwrite?: boolean | undefined
  /** The folder of the base model, which is never written to. */
  readonly source?: string | undefined
}

/**
 * A way to train a model: what is put into it, which of its parameters train, and how what was learnt is kept. A run knows
 * no more of a method than this.
 */
export interface Adaptation {
  /** The method, as it is named in checkpoints, such as 'lora'. */
  readonly method: string
  /** What its result is called: the folder in a folder of a run, and the word in messages. */
  readonly result: 'adapter' | 'model'
  /** What decides on its parameters, as JSON: a run goes on only with the same. */
  readonly settings: Readonly<Record<string, unknown>>
  /** In words, such as 'LoRA of rank 16 on 210 layers'. */
  describe(model: LanguageModel): string
  /** Which parameters share their rates. Default `decayGroups`. */
  readonly groupsOf?: GroupsOf | undefined
  /** Whether `model` has it, from before the run. */
  isAttached(model: LanguageModel): boolean
  /**
   * Puts it into `model`: after that the parameters that train have `requiresGrad`, and no others. It may be a model
   * without memory, whose run is only planned; `warnings` is given for a real one.
   *
   * @throws ConfigError for a model that it does not fit; the model is as it was then.
   */
  attach(model: LanguageModel, warnings?: Warnings): void
  /** Takes it out again: what trained is gone. */
  detach(model: LanguageModel): void
  /** @throws ConfigError for a folder that does not take the result, see OutputFolder. */
  prepareOutput(folder: string, options: ResultFolderOptions): Promise<OutputFolder>
  /** Writes the result for others to use. */
  save(output: OutputFolder, model: CausalLM, facts: ResultFacts, warnings: Warnings): Promise<void>
  /** The same in a checkpoint, to the last bit: a folder that loads as the result does. */
  checkpointFiles(model: CausalLM, facts: ResultFacts): Promise<readonly ResultFile[]>
  /**
   * Brings the parameters back that `checkpointFiles` wrote to `folder`.
   *
   * @throws FormatError for files that are not of this adaptation of this model.
   */
  restore(model: CausalLM, folder: string): Promise<void>
}
