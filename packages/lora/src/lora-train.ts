import { AbortedError, Warnings } from '@llft/errors'
import { prepareAdapterFolder } from './adapter-output.js'
import { warnOfIdleOptions } from './idle-options.js'
import { SignalListener } from './interruption.js'
import { LoraRun, LoraTrainAbortedError, type LoraTrainResult } from './lora-run.js'
import { ProgressDisplay } from './progress-display.js'
import type { LoraTrainEvent } from './train-events.js'
import {
  type LoraTrainOptions,
  type ResolvedTrainOptions,
  resolveTrainOptions,
} from './train-options.js'

/**
 * Fine-tunes a model with LoRA: loads it, tokenises the data, puts adapters in, trains, evaluates on the held-out part,
 * and saves the adapter as a folder that PEFT loads.
 *
 * Options, model, data and the output folder are checked before anything is loaded; the folder takes a small file in the
 * way in which the adapter will come, and is locked while the run lasts. Native memory is back where it was when the
 * promise settles, except for the adapter in a model that was passed in. After a failure or an abort such a model has no
 * adapter, unless that is the only place where it is.
 *
 * A run that ends early after a step, for whatever reason, saves the adapter of the steps that were done, unless
 * `saveOnAbort` is false or its values are not finite.
 *
 * @throws ConfigError for options, a model or targets that do not hold; InsufficientMemoryError, before the model is
 *   loaded, for a run that cannot fit; DataError naming file and line; FormatError naming a tensor; NonFiniteError naming
 *   step and rows; LoraTrainAbortedError with the result so far; AbortedError before the first step; AdapterSaveError if
 *   the adapter had to be saved elsewhere or could not be.
 */
export async function loraTrain(options: LoraTrainOptions): Promise<LoraTrainResult> {
  const resolved = resolveTrainOptions(options)
  const display = displayOf(resolved)
  const warnings = new Warnings(resolved.onWarning ?? display?.warn)
  warnOfIdleOptions(warnings, options)
  const signals = resolved.handleSignals ? new SignalListener() : undefined
  const onEvent = (event: LoraTrainEvent) => {
    display?.handle(event)
    return resolved.onEvent?.(event)
  }
  const run = { ...resolved, onEvent, signal: anySignal(resolved.signal, signals?.signal) }
  try {
    const result = await runInFolder(run, warnings)
    // One that came while the last step or the saving was on is answered too.
    if (signals?.interruption) exit(0, `The adapter is in ${result.adapterDir}.`, display)
    return result
  } catch (error) {
    const { interruption } = signals ?? {}
    if (interruption === undefined || !(error instanceof AbortedError)) throw error
    const isSaved = error instanceof LoraTrainAbortedError && error.adapterDir !== undefined
    return exit(isSaved ? 0 : interruption.exitCode, error.message, display)
  } finally {
    display?.close()
    signals?.close()
  }
}

async function runInFolder(
  options: ResolvedTrainOptions,
  warnings: Warnings,
): Promise<LoraTrainResult> {
  const { signal, overwrite } = options
  const output = await prepareAdapterFolder(options.output, {
    where: 'loraTrain.output',
    overwrite,
  })
  try {
    return await new LoraRun(options, output, warnings).execute()
  } catch (error) {
    if (!signal?.aborted || error !== signal.reason) throw error
    const aborted = new AbortedError(
      'loraTrain: was stopped by its AbortSignal before the first step.',
    )
    aborted.cause = error
    throw aborted
  } finally {
    await output.release()
  }
}

function displayOf({ progress, onEvent }: ResolvedTrainOptions): ProgressDisplay | undefined {
  const { stderr } = process
  if (progress === 'lines') return new ProgressDisplay(stderr, false)
  const isWatched = progress === 'auto' && onEvent === undefined && stderr.isTTY
  return isWatched ? new ProgressDisplay(stderr, true) : undefined
}

function anySignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined)
  return given.length > 1 ? AbortSignal.any(given) : given[0]
}

/** Ends the process as a signal asks for, once nothing is left to lose. */
function exit(code: number, words: string, display: ProgressDisplay | undefined): never {
  display?.close()
  process.stderr.write(`llft: ${words}\n`)
  process.exit(code)
}
