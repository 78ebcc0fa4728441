import { type LoraTrainResult, loraTrain } from '@llft/lora'
import type { CausalLM } from '@llft/runtime'
import type { Tokenizer } from '@llft/tokenizer'
import { runOptions } from './run-options.js'
import { clock, StatusLine } from './terminal/status-line.js'
import { dim } from './terminal/style.js'

/** Fine-tunes the embedded model on the embedded data set in `steps` steps; the adapter stays in the model and is saved. */
export async function fineTune(
  model: CausalLM,
  tokenizer: Tokenizer,
  steps: number,
  signal: AbortSignal,
): Promise<LoraTrainResult> {
  const status = new StatusLine()
  return loraTrain({
    ...runOptions(model, tokenizer),
    maxSteps: steps,
    signal,
    onEvent: (event) => {
      if (event.type === 'ready') {
        const { trainableParameters, totalParameters, data, dtype } = event
        const share = ((100 * trainableParameters) / totalParameters).toFixed(1)
        console.log(
          dim(
            `${data.examples} examples, ${data.tokens} tokens · ${count(trainableParameters)} of ${count(totalParameters)} parameters train (${share} %) · ${dtype}`,
          ),
        )
      } else if (event.type === 'step') {
        const { step, totalSteps, loss, tokensPerSecond, secondsLeft } = event
        status.update(
          `step ${step}/${totalSteps}  loss ${loss.toFixed(3)}  ${Math.round(tokensPerSecond)} tokens/s  ${clock(secondsLeft)} left`,
        )
      } else if (event.type === 'end') {
        const { losses, seconds, tokensPerSecond, peakBytes } = event.result
        status.finish(
          `${losses.length} steps in ${clock(seconds)}  loss ${mean(losses.slice(0, 5)).toFixed(3)} -> ${mean(losses.slice(-5)).toFixed(3)}  ${Math.round(tokensPerSecond)} tokens/s  ${Math.round(peakBytes / 2 ** 20)} MiB`,
        )
      }
    },
  })
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function count(value: number): string {
  return `${(value / 1e6).toFixed(2)} M`
}
