import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunConfig, runOptionsOf } from '@llft/config'
import {
  fineTune,
  fullTraining,
  loraTrain,
  type ReadyEvent,
  type RunOptions,
  type StartEvent,
  type StepEvent,
} from '@llft/lora'
import { formatCount, formatSeconds, planSteps } from '@llft/train'
import type { CommandContext } from '../command-context.js'
import { firstWeights } from '../first-weights.js'
import { describeEstimateOf } from '../plan.js'
import { configOfCommand } from '../read-options.js'
import { tableLines } from '../table.js'

/** Steps that are timed; the first is slower than the others and left out. */
const TIMED_STEPS = 4

/** `llft estimate CONFIG` */
export async function estimate({ output, args, options }: CommandContext): Promise<void> {
  const [path] = args as [string]
  const config = await configOfCommand(path, options)
  const memory = await describeEstimateOf(output, config)
  if (options.time !== false) output.note(`Timing ${TIMED_STEPS} steps ...`)
  const time = options.time === false ? undefined : await timeOf(config)
  output.event({ type: 'estimate', memory, time })
  if (time !== undefined) {
    output.line()
    output.line(output.paint.bold('Time'))
    for (const line of tableLines(
      [
        [
          '  speed',
          `${formatCount(Math.round(time.tokensPerSecond))} tokens/s, measured here in ${TIMED_STEPS - 1} steps`,
        ],
        ['  steps', formatCount(time.steps)],
        ['  in all', `about ${formatSeconds(time.seconds)}, evaluations and checkpoints aside`],
      ],
      output,
    ))
      output.line(line)
  }
  output.next([`llft train ${path}`, 'train it'])
}

/** Takes a few steps for real, and reckons with the tokens of the whole run. */
async function timeOf(config: RunConfig) {
  const folder = await mkdtemp(join(tmpdir(), 'llft-estimate-'))
  try {
    const { method, options, full } = runOptionsOf(config)
    const steps: StepEvent[] = []
    let ready: ReadyEvent | undefined
    const onEvent = (event: ReadyEvent | StartEvent | StepEvent | { type: string }) => {
      if (event.type === 'step') steps.push(event as StepEvent)
      if (event.type === 'ready') ready = event as ReadyEvent
    }
    const {
      checkpoints: _,
      saveSteps: __,
      saveSeconds: ___,
      evalEvery: ____,
      earlyStopping: _____,
      ...rest
    } = options
    const timed = {
      ...rest,
      ...(await firstWeights(config)),
      epochs: undefined,
      maxSteps: TIMED_STEPS,
      output: folder,
      onEvent,
      onWarning: () => undefined,
    }
    const { tokens } = await (method === 'lora'
      ? loraTrain(timed)
      : fineTune({ ...(timed as RunOptions), adaptation: fullTraining(full) }))
    const later = steps.slice(1)
    const tokensPerSecond =
      later.reduce((sum, step) => sum + step.tokens, 0) /
      later.reduce((sum, step) => sum + step.tokens / step.tokensPerSecond, 0)
    const perStep = tokens / TIMED_STEPS
    const epochTokens = ready?.data.tokens ?? 0
    const stepsOfEpoch = Math.max(1, Math.round(epochTokens / perStep))
    const { totalSteps } = planSteps({
      batchesPerEpoch: stepsOfEpoch,
      epochs: options.epochs,
      maxSteps: options.maxSteps,
    })
    const all =
      options.maxSteps === undefined
        ? epochTokens * (options.epochs ?? 1)
        : perStep * options.maxSteps
    return { tokensPerSecond, steps: totalSteps, seconds: all / tokensPerSecond }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
