import { type LoraTrainResult, loraTrain } from '@llft/lora'
import type { CausalLM } from '@llft/runtime'
import type { Tokenizer } from '@llft/tokenizer'
import { type AdapterPlace, runOptions } from './run-options.js'
import type { Display } from './terminal/display.js'
import { clock } from './terminal/status-line.js'
import { dim } from './terminal/style.js'

export interface FineTuneOptions extends AdapterPlace {
  readonly steps: number
  readonly signal: AbortSignal
  readonly display: Display
}

/** Fine-tunes the embedded model on the embedded data set; the adapter stays in the model and is saved. */
export async function fineTune(
  model: CausalLM,
  tokenizer: Tokenizer,
  { steps, signal, display, output, baseModel }: FineTuneOptions,
): Promise<LoraTrainResult> {
  return loraTrain({
    ...runOptions(model, tokenizer, { output, baseModel }),
    maxSteps: steps,
    signal,
    onEvent: (event) => {
      if (event.type === 'ready') {
        const { trainableParameters, totalParameters, data, dtype } = event
        const share = ((100 * trainableParameters) / totalParameters).toFixed(1)
        display.line(
          dim(
            `${data.examples} examples, ${data.tokens} tokens · ${count(trainableParameters)} of ${count(totalParameters)} parameters train (${share} %) · ${dtype}`,
          ),
        )
      } else if (event.type === 'step') {
        const { step, totalSteps, loss, tokensPerSecond, secondsLeft } = event
        display.status(
          `step ${step}/${totalSteps}  loss ${loss.toFixed(3)}  ${Math.round(tokensPerSecond)} tokens/s  ${clock(secondsLeft)} left`,
        )
      } else if (event.type === 'end') {
        const { losses, seconds, tokensPerSecond, peakBytes } = event.result
        display.settle(
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
