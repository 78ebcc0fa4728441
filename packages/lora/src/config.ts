import { above, belowOne, flag, list, oneOf, parseOptions, text, wholeNumber } from '@llft/options'
import { z } from 'zod'

/** How the adapter matrices start. true: B = 0 and A uniform; 'gaussian': A normal; false: both as A in true. */
export type InitLoraWeights = boolean | 'gaussian'

/**
 * Which weights get an adapter and of what size; each option means what PEFT's LoraConfig means by it.
 * Adapter of a Linear with weight W [out, in]: y = W x + scale B A dropout(x), A [r, in], B [out, r].
 */
export interface LoraConfig {
  /** Rank of the adapters. Default 8. */
  r: number
  /** The adapter is scaled by alpha / r (alpha / sqrt(r) with `useRslora`). Default 8. */
  alpha: number
  /** Probability with which an element of the adapter's input is zeroed in training. Default 0. */
  dropout: number
  /**
   * The linear layers that get an adapter: a list matches a module's whole path or its last parts, a string is a
   * regular expression for the whole path, 'all-linear' is every one but the output head.
   * Default: q_proj and v_proj (qkv_proj where the architecture has it fused).
   */
  targetModules: readonly string[] | string | undefined
  /** Modules left out although they match; list or regular expression as above. */
  excludeModules: readonly string[] | string | undefined
  /** Rank by regular expression on the end of the module path; the first that matches wins. */
  rankPattern: Readonly<Record<string, number>>
  /** Alpha by regular expression, likewise. */
  alphaPattern: Readonly<Record<string, number>>
  /** Only these layer numbers; with a list of `targetModules` only. */
  layersToTransform: readonly number[] | number | undefined
  /** Name of the module list that the layer number follows, such as 'layers'. */
  layersPattern: readonly string[] | string | undefined
  /** Biases that train too: none, all of the model, or those of the adapted layers. Default 'none'. */
  bias: 'none' | 'all' | 'lora_only'
  /** Modules trained whole, as copies saved with the adapter, such as 'lm_head' or 'embed_tokens'. */
  modulesToSave: readonly string[]
  /** Scale by alpha / sqrt(r) (Kalajdzievski 2023). Default false. */
  useRslora: boolean
  /** Weight-decomposed adapters (Liu et al. 2024). Default false. */
  useDora: boolean
  /** Start of the matrices. Default true. */
  initLoraWeights: InitLoraWeights
  /** Seed of the matrices and of dropout. Default 42. */
  seed: number
}

const names = z.union(
  [z.array(z.string()), z.string()],
  'must be a list of names or a regular expression',
)
const layers = z.union([z.array(wholeNumber(0)), wholeNumber(0)], 'must be layer numbers')

export const loraConfigSchema = z.strictObject({
  r: wholeNumber(1).default(8),
  alpha: above(0).default(8),
  dropout: belowOne.default(0),
  targetModules: names.optional(),
  excludeModules: names.optional(),
  rankPattern: z.record(z.string(), wholeNumber(1)).default({}),
  alphaPattern: z.record(z.string(), above(0)).default({}),
  layersToTransform: layers.optional(),
  layersPattern: names.optional(),
  bias: oneOf(['none', 'all', 'lora_only']).default('none'),
  modulesToSave: list(text('must be a name'), 'must be a list of names').default([]),
  useRslora: flag.default(false),
  useDora: flag.default(false),
  initLoraWeights: oneOf([true, false, 'gaussian']).default(true),
  seed: wholeNumber(0).default(42),
})

/** A LoraConfig in which everything but what is given takes its default. */
export type LoraOptions = { [Option in keyof LoraConfig]?: LoraConfig[Option] | undefined }

/**
 * Fills in the defaults of a LoRA configuration.
 *
 * @throws ConfigError for a value outside its range and for an unknown key, with the nearest known one.
 */
export function loraConfig(options: LoraOptions = {}): LoraConfig {
  const parsed = parseOptions(loraConfigSchema, options, { where: 'lora', prefix: 'lora' })
  return {
    ...parsed,
    targetModules: parsed.targetModules,
    excludeModules: parsed.excludeModules,
    layersToTransform: parsed.layersToTransform,
    layersPattern: parsed.layersPattern,
  }
}
