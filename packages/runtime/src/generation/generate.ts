import type { CausalLM } from '../models/causal-lm.js'
import { Decoding, type FinishReason, type GenerationEvent } from './decoding.js'
import { checkCall, type GenerateOptions, resolveOptions } from './options.js'

/** Continuations, in the order of the prompts. */
export interface Generated {
  /** New tokens of each prompt, without the end token. */
  ids: number[][]
  finishReasons: FinishReason[]
}

/**
 * Continues prompts of any lengths as one batch. Yields each token as it is drawn, and the end of each prompt. Leaving
 * the loop frees everything.
 *
 * A row gives the same tokens as it would alone, up to the rounding of the products, but with RoPE scaling 'dynamic' and
 * 'longrope': there the longest row decides the frequencies of all, as in transformers, so a row that is shorter than the
 * trained length may give others beside one that is longer.
 *
 * @throws ConfigError for an option out of its range, DataError for a prompt that does not fit the context,
 *   AbortedError after the signal fired.
 */
export async function* generateStream(
  model: CausalLM,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions = {},
): AsyncGenerator<GenerationEvent, void, undefined> {
  checkCall(model, prompts, 'generate')
  const decoding = new Decoding(model, prompts, resolveOptions(options, model.config))
  try {
    while (!decoding.finished) yield* await decoding.step()
  } finally {
    decoding.dispose()
  }
}

/** `generateStream`, gathered. */
export async function generate(
  model: CausalLM,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions = {},
): Promise<Generated> {
  checkCall(model, prompts, 'generate')
  const ids: number[][] = prompts.map(() => [])
  const finishReasons: FinishReason[] = prompts.map(() => 'length')
  for await (const event of generateStream(model, prompts, options)) {
    if (event.type === 'token') ids[event.index]?.push(event.id)
    else finishReasons[event.index] = event.reason
  }
  return { ids, finishReasons }
}
