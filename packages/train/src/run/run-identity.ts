import type { CausalLM } from '@llft/runtime'
import type { Tokenizer } from '@llft/tokenizer'
import { fingerprintOfFolder } from '../checkpoints/base-fingerprint.js'
import { fingerprintOfExamples, type RunIdentity } from '../checkpoints/fingerprints.js'
import type { PreparedData } from './prepare-data.js'
import type { ResolvedRunOptions } from './run-options.js'

interface IdentityParts {
  readonly model: CausalLM
  readonly tokenizer: Tokenizer
  readonly data: PreparedData
}

/** Everything that decides on the bits of a run. */
export async function identityOf(
  options: ResolvedRunOptions,
  { model, tokenizer, data }: IdentityParts,
): Promise<RunIdentity> {
  const folder = typeof options.model === 'string' ? options.model : model.sourceFolder
  const { examples, evalExamples } = data
  return {
    fingerprints: {
      data: fingerprintOfExamples(examples),
      heldOut: evalExamples && fingerprintOfExamples(evalExamples),
      base: folder === undefined ? undefined : await fingerprintOfFolder(folder),
      ...tokenizer.fingerprint(),
    },
    settings: settingsOf(options, model),
  }
}

/** The options that change what is learnt; those of saving and showing are free. */
function settingsOf(options: ResolvedRunOptions, model: CausalLM) {
  const { adaptation, quantization } = options
  return {
    method: adaptation.method,
    [adaptation.method]: adaptation.settings,
    dtype: model.dtype,
    quantization,
    epochs: options.maxSteps === undefined ? options.epochs : undefined,
    maxSteps: options.maxSteps,
    batchSize: options.batchSize,
    gradientAccumulation: options.gradientAccumulation,
    learningRate: options.learningRate,
    schedule: options.schedule,
    warmupSteps: options.warmupSteps,
    warmupRatio: options.warmupSteps === undefined ? options.warmupRatio : undefined,
    weightDecay: options.weightDecay,
    optimizer: options.optimizer,
    maxGradNorm: options.maxGradNorm,
    labelSmoothing: options.labelSmoothing,
    neftuneAlpha: options.neftuneAlpha,
    emaDecay: options.emaDecay,
    packing: options.packing,
    packLength: options.packing ? options.maxLength : undefined,
    shuffle: options.shuffle,
    seed: options.seed,
  }
}
