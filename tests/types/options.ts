// What users write must compile under their strictest settings: constants for options, undefined for what may be left out.
// scripts/check-snippets.mjs compiles it with exactOptionalPropertyTypes, which the packages' own settings do not have.
import type {
  EstimateMemoryOptions,
  GenerateTextOptions,
  LoadAdapterOptions,
  LoadOptions,
  LoadQuantizedOptions,
  LoraOptions,
  LoraTrainOptions,
  QuantizationOptions,
  SaveAdapterOptions,
  SaveMergedOptions,
  SaveOptions,
} from '@llft/lora'

/** The options that may be left out and yet do not take undefined: there must be none. */
type Refusing<T> = {
  [K in keyof T]-?: Record<never, never> extends Pick<T, K>
    ? undefined extends T[K]
      ? never
      : K
    : never
}[keyof T]
type None<T extends never> = T

export type Checks = [
  None<Refusing<EstimateMemoryOptions>>,
  None<Refusing<GenerateTextOptions>>,
  None<Refusing<LoadAdapterOptions>>,
  None<Refusing<LoadOptions>>,
  None<Refusing<LoadQuantizedOptions>>,
  None<Refusing<LoraOptions>>,
  None<Refusing<LoraTrainOptions>>,
  None<Refusing<SaveAdapterOptions>>,
  None<Refusing<SaveMergedOptions>>,
  None<Refusing<SaveOptions>>,
]

const lora = { r: 4, targetModules: ['q_proj', 'v_proj'], modulesToSave: [] } as const
const quantization = { format: 'nf4', skip: ['lm_head'] } as const
export const quantized: QuantizationOptions = quantization
export const options: LoraTrainOptions = {
  model: 'model',
  data: ['a.jsonl', 'b.jsonl'] as const,
  output: 'out',
  lora,
  quantization,
  signal: undefined,
  onEvent: async (event) => console.log(event.type),
}
