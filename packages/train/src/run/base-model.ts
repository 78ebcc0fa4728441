import {
  type QuantizationConfig,
  type QuantizedLoader,
  quantizationConfig,
  quantizedLoader,
  quantizeLinear,
  storedQuantization,
} from '@llft/quant'
import {
  type ComputeDtype,
  type DecoderConfig,
  LanguageModel,
  Linear,
  type LoadOptions,
  planModel,
  readConfig,
} from '@llft/runtime'
import type { PlannedModels } from '../memory/memory-plan.js'

/** The options that decide how a base model is loaded. */
export interface BaseModelOptions {
  readonly model: string | LanguageModel | DecoderConfig
  readonly dtype?: ComputeDtype | undefined
  readonly quantization?: QuantizationConfig | undefined
  readonly mmap?: boolean | undefined
}

/** How the base model of a run is stored in memory. */
export interface BaseModel {
  /** What its linear layers become, or are in its folder; undefined for floats and for a model that is loaded. */
  readonly quantization: QuantizationConfig | undefined
  readonly quantized: boolean
  /** What loads it so. */
  readonly load: LoadOptions
}

/** @throws ConfigError or FormatError for a quantisation that the folder does not allow. */
export async function baseModelOf(options: BaseModelOptions): Promise<BaseModel> {
  const { model, dtype, quantization, mmap } = options
  if (model instanceof LanguageModel) {
    return { quantization: undefined, quantized: isQuantized(model), load: {} }
  }
  const loader = await loaderOf(model, quantization)
  if (loader === undefined) {
    return { quantization: undefined, quantized: false, load: { dtype: dtype ?? 'auto', mmap } }
  }
  const { config, loadLinear } = loader
  const load = { dtype: dtype ?? config.computeDtype ?? 'auto', loadLinear, mmap }
  return { quantization: config, quantized: true, load }
}

async function loaderOf(
  model: string | DecoderConfig,
  quantization: QuantizationConfig | undefined,
): Promise<QuantizedLoader | undefined> {
  if (typeof model !== 'string') {
    return quantization && { config: quantization, loadLinear: quantizeLinear(quantization) }
  }
  const stored = storedQuantization(await readConfig(model), model)
  const floats = stored === undefined && quantization === undefined
  return floats ? undefined : quantizedLoader(model, quantization)
}

/** Plans of the base model as it is asked for, and with its linear layers in nf4, where that would be a change. */
export async function planBaseModel(
  model: BaseModelOptions['model'],
  { quantized, load }: BaseModel,
): Promise<PlannedModels> {
  const asked = await planModel(model, load)
  if (quantized || model instanceof LanguageModel)
    return { model: asked, quantizedModel: undefined }
  const loadLinear = quantizeLinear(quantizationConfig())
  return { model: asked, quantizedModel: await planModel(model, { ...load, loadLinear }) }
}

function isQuantized(model: LanguageModel): boolean {
  return [...model.modules()].some(
    ([, module]) => module instanceof Linear && module.weight.dense === undefined,
  )
}
