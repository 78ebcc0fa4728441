import { ConfigError } from '@llft/errors'
import { loadAdapter, withoutAdapter } from '@llft/lora'
import type { QuantizationOptions } from '@llft/quant'
import { type CausalLM, requireModelFolder } from '@llft/runtime'
import { Tokenizer } from '@llft/tokenizer'
import type { ModelPaths } from '../adapter-path.js'
import type { Speaker } from '../cli-event.js'
import { loadBase } from '../load-base.js'
import { Conversation } from './conversation.js'
import { Voice } from './voice.js'

export interface LoadVoicesOptions extends ModelPaths {
  /** Whether the base answers as well. */
  readonly compare: boolean
  readonly system: string | undefined
  readonly maxTokens: number
  readonly quantization: QuantizationOptions | undefined
}

/** Those who answer, the base first, and what they hold in memory. */
export interface LoadedVoices {
  readonly voices: readonly Voice[]
  dispose(): void
}

/**
 * Loads a model, once for both voices of a comparison where its adapter can step aside, which all do but those with biases.
 *
 * @throws ConfigError for a comparison without an adapter, and what loading throws
 */
export async function loadVoices(options: LoadVoicesOptions): Promise<LoadedVoices> {
  const { model: folder, adapter, compare, quantization } = options
  if (compare && adapter === undefined) {
    throw new ConfigError(
      `--compare: there must be an adapter to compare with; got '${folder}' alone. Add --adapter FOLDER.`,
    )
  }
  const models: CausalLM[] = []
  const dispose = () => {
    for (const model of models) model.dispose()
  }
  const load = async () => {
    const model = await loadBase(folder, quantization)
    models.push(model)
    return model
  }
  try {
    await requireModelFolder(folder, { tokenizer: true })
    const tokenizer = await Tokenizer.fromFolder(folder)
    const model = await load()
    if (adapter !== undefined) await loadAdapter(model, adapter)
    const voice = (who: Speaker, by: CausalLM, within?: Within) =>
      new Voice({
        who,
        model: by,
        tokenizer,
        conversation: conversation(by, tokenizer, options),
        within,
      })
    if (!compare) return { voices: [voice('model', model)], dispose }
    const base = (await canStepAside(model))
      ? voice('base', model, (work) => withoutAdapter(model, work))
      : voice('base', await load())
    return { voices: [base, voice('tuned', model)], dispose }
  } catch (error) {
    dispose()
    throw error
  }
}

type Within = (work: () => Promise<void>) => Promise<void>

function conversation(
  { config }: CausalLM,
  tokenizer: Tokenizer,
  { system, maxTokens }: LoadVoicesOptions,
): Conversation {
  return new Conversation(tokenizer, {
    system,
    contextTokens: config.maxPositions,
    answerTokens: maxTokens,
  })
}

function canStepAside(model: CausalLM): Promise<boolean> {
  return withoutAdapter(model, () => true).catch((error: unknown) => {
    if (error instanceof ConfigError) return false
    throw error
  })
}
