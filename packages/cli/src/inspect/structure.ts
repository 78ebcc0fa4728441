import { NativeLoadError } from '@llft/errors'
import { quantizedLoader, storedQuantization } from '@llft/quant'
import { type DecoderConfig, dryRun, type LanguageModel, planModel } from '@llft/runtime'
import type { Checkpoint } from '@llft/safetensors'
import { parameterCount } from '@llft/train'

export interface StructureFacts {
  /** Of the model that config.json describes; a shared matrix counts once. Undefined where it cannot be told. */
  readonly parameters: number | undefined
  readonly problems: readonly string[]
  readonly notes: readonly string[]
}

/** Builds the model of config.json without memory, and so finds tensors that are missing, misshapen or of another type. */
export async function structureOf(
  { folder }: Checkpoint,
  config: DecoderConfig,
): Promise<StructureFacts> {
  try {
    const plan = await planModel(config)
    const parameters = built(plan.build, parameterCount)
    try {
      const isQuantized = storedQuantization(config, folder) !== undefined
      const loadLinear = isQuantized ? (await quantizedLoader(folder)).loadLinear : undefined
      const stored = await planModel(folder, { loadLinear })
      built(stored.build, () => undefined)
      return { parameters, problems: [], notes: [] }
    } catch (error) {
      return { parameters, problems: [(error as Error).message], notes: [] }
    }
  } catch (error) {
    if (!(error instanceof NativeLoadError)) throw error
    const notes = [
      'The native addon does not load, so tensors were not compared with config.json. See llft doctor.',
    ]
    return { parameters: undefined, problems: [], notes }
  }
}

function built<T>(build: () => LanguageModel, look: (model: LanguageModel) => T): T {
  return dryRun(() => {
    const model = build()
    try {
      return look(model)
    } finally {
      model.dispose()
    }
  }).value
}
