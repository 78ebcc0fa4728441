import { SaveError } from '@llft/errors'
import type { CausalLM } from '@llft/runtime'

/**
 * The adapter of a run of `loraTrain` could not be written to its folder: `ERR_LLFT_SAVE`. It is not lost: it lies in
 * `adapterDir`, or else is in `model`. `cause` is what the system said.
 */
export class AdapterSaveError extends SaveError {
  constructor(
    readonly output: string,
    cause: unknown,
    /** Where the adapter was saved in its place, beside the folder or in the temporary directory. */
    readonly adapterDir: string | undefined,
    /**
     * Where nothing could be written, the model with the adapter: save it with `saveAdapter` once there is room. One that
     * `loraTrain` loaded is yours to dispose of then.
     */
    readonly model: CausalLM | undefined,
  ) {
    const place =
      adapterDir === undefined
        ? 'It is in memory: call saveAdapter(error.model, FOLDER) with another folder.'
        : `It is saved in ${adapterDir} instead.`
    super(
      `loraTrain: the adapter must be saved to ${output}; got ${cause instanceof Error ? cause.message : String(cause)}. ${place}`,
      { cause },
    )
  }
}
