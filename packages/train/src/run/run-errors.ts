import { SaveError } from '@llft/errors'
import type { CausalLM } from '@llft/runtime'
import { TrainingAbortedError } from '../loop/errors.js'
import type { TrainResult } from '../loop/result.js'

/** The AbortSignal stopped a run after it had begun to train: `ERR_LLFT_ABORTED`. */
export class RunAbortedError extends TrainingAbortedError {
  constructor(
    result: TrainResult,
    reason: unknown,
    /** What the run makes: 'adapter' or 'model'. */
    made: string,
    /** Where that of the completed steps was saved, if it was. */
    readonly folder: string | undefined,
    /** Where the checkpoint of these steps is, if the run has a folder for them. */
    readonly checkpoints: string | undefined,
  ) {
    super(result, reason)
    if (folder !== undefined) this.message += ` The ${made} so far is in ${folder}.`
    if (checkpoints !== undefined) {
      this.message += ` Go on from the checkpoint in ${checkpoints}: resume: true.`
    }
  }
}

/** What `RunSaveError` knows of a result that has no place. */
export interface UnsavedResult {
  /** The function that was called. */
  readonly where: string
  /** 'adapter' or 'model'. */
  readonly result: string
  readonly output: string
  readonly cause: unknown
  readonly folder: string | undefined
  readonly model: CausalLM | undefined
}

/**
 * The result of a run could not be written to its folder: `ERR_LLFT_SAVE`. It is not lost: it lies in `folder`, or else is
 * in `model`. `cause` is what the system said.
 */
export class RunSaveError extends SaveError {
  readonly output: string
  /** Where the result was saved in its place, beside the folder or in the temporary directory. */
  readonly folder: string | undefined
  /**
   * Where nothing could be written, the model with what was trained: save it once there is room. One that the run loaded is
   * yours to dispose of then.
   */
  readonly model: CausalLM | undefined

  constructor({ where, result, output, cause, folder, model }: UnsavedResult) {
    const save = result === 'adapter' ? 'saveAdapter(error.model, FOLDER)' : 'saveModel'
    const place =
      folder === undefined
        ? `It is in memory: call ${save} with another folder.`
        : `It is saved in ${folder} instead.`
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`${where}: the ${result} must be saved to ${output}; got ${reason}. ${place}`, { cause })
    this.output = output
    this.folder = folder
    this.model = model
  }
}
