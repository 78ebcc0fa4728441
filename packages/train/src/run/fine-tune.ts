import { parseOptions } from '@llft/options'
import type { DecoderConfig, LanguageModel } from '@llft/runtime'
import { z } from 'zod'
import type { MemoryEstimate } from '../memory/memory-plan.js'
import { estimateRun } from '../memory/plan-run.js'
import type { Adaptation } from './adaptation.js'
import { fullTraining } from './full-training.js'
import type { RunResult } from './run.js'
import type { RunHandle } from './run-handle.js'
import {
  estimateShape,
  type RunOptions,
  resolveEstimateOptions,
  resolveRunOptions,
  runShape,
} from './run-options.js'
import { startRun } from './start-run.js'

/** What `fineTune` takes. */
export interface FineTuneOptions extends RunOptions {
  /** What is put into the model and trained. Default `fullTraining()`: nothing, and every parameter. */
  adaptation?: Adaptation | undefined
}

const adaptationShape = {
  adaptation: z
    .custom<Adaptation>(
      (value) => typeof (value as Adaptation)?.attach === 'function',
      'must be an Adaptation, such as fullTraining()',
    )
    .optional(),
}
const schema = z.strictObject({ ...runShape, ...adaptationShape })
const estimateSchema = z.strictObject({ ...estimateShape, ...adaptationShape })

/**
 * Trains a model: loads it, tokenises the data, puts in what trains, takes the steps with checkpoints and evaluations, and
 * saves the result.
 *
 * Options, model, data and the output folder are checked before anything is loaded; the folder takes a small file in the
 * way in which the result will come, and is locked while the run lasts. Native memory is back where it was when the promise
 * settles, except for what was put into a model that was passed in. After a failure or an abort such a model has nothing of
 * it, unless that is the only place where it is. A run that ends early after a step, for whatever reason, saves the result
 * of the steps that were done, unless `saveOnAbort` is false or its values are not finite.
 *
 * @returns the run as a handle: await it for the result, iterate over its events, pause, stop or save it
 * @throws ConfigError for options, a model or an adaptation that do not hold; InsufficientMemoryError, before the model is
 *   loaded, for a run that cannot fit; DataError naming file and line; FormatError naming a tensor; NonFiniteError naming
 *   step and rows; RunAbortedError with the result so far; AbortedError before the first step; RunSaveError if the result
 *   had to be saved elsewhere or could not be.
 */
export function fineTune(options: FineTuneOptions): RunHandle<RunResult> {
  return startRun({
    options,
    resolve: () => {
      const { adaptation = fullTraining(), ...run } = parseOptions(schema, options, 'fineTune')
      return resolveRunOptions(run, adaptation, 'fineTune')
    },
    finish: (result) => result,
  })
}

/** What `fineTune` takes; `data` and `output` may be left out, and a configuration may stand for the model. */
export interface EstimateFineTuneOptions
  extends Omit<FineTuneOptions, 'model' | 'data' | 'output'> {
  model: string | LanguageModel | DecoderConfig
  /** Default: every batch has `batchSize` rows of `maxLength` tokens. */
  data?: FineTuneOptions['data'] | undefined
  /** Not used; taken so that the options of a run can be passed as they are. */
  output?: string | undefined
}

/** How much memory `fineTune` would take with these options; see `estimateRun`. @throws as `fineTune`. */
export async function estimateFineTune(options: EstimateFineTuneOptions): Promise<MemoryEstimate> {
  const parsed = parseOptions(estimateSchema, options, 'estimateFineTune')
  const { adaptation = fullTraining(), ...run } = parsed
  return estimateRun(resolveEstimateOptions(run, adaptation, 'estimateFineTune'))
}
