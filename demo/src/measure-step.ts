import { loraTrain, RunAbortedError } from '@llft/lora'
import type { CausalLM } from '@llft/runtime'
import type { Tokenizer } from '@llft/tokenizer'
import { MOST_STEPS } from './plan-steps.js'
import { type AdapterPlace, BATCH_SIZE, runOptions } from './run-options.js'
import { StepTimer } from './step-timer.js'

/**
 * What a step takes here, in seconds, by a run that is thrown away: the learning rates of a run depend on its number of
 * steps, so the one that counts must know it from the start. The model is as it was.
 */
export async function measureStep(
  model: CausalLM,
  tokenizer: Tokenizer,
  place: AdapterPlace,
  signal: AbortSignal,
): Promise<number> {
  const timer = new StepTimer()
  const measured = new AbortController()
  let tokensPerStep = 0
  try {
    await loraTrain({
      ...runOptions(model, tokenizer, place),
      maxSteps: MOST_STEPS,
      saveOnAbort: false,
      signal: AbortSignal.any([signal, measured.signal]),
      onEvent: (event) => {
        if (event.type === 'ready') {
          tokensPerStep = (BATCH_SIZE * event.data.tokens) / event.data.examples
        } else if (event.type === 'step') {
          timer.step(event.tokens, performance.now() / 1000)
          if (timer.isEnough) measured.abort()
        }
      },
    })
  } catch (error) {
    if (!(error instanceof RunAbortedError) || signal.aborted) throw error
    return timer.secondsPerToken * tokensPerStep
  }
  throw new Error('measureStep: the run must not end before it is measured; got its end.')
}
