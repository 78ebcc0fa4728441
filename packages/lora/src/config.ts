import {
  above,
  belowOne,
  flag,
  list,
  type OptionsOf,
  oneOf,
  parseOptions,
  text,
  wholeNumber,
} from '@llft/options'
import { z } from 'zod'

/** How the adapter matrices start. true: B = 0 and A uniform; 'gaussian': A normal; false: both as A in true. */
export type InitLoraWeights = boolean | 'gaussian'

/**
 * Which weights get an adapter and of what size; each option means what PEFT's LoraConfig means by it.
 * Adapter of a Linear with weight W [out, in]: y = W x + scale B A dropout(x), A [r, in], B [out, r].
 */
export interface LoraConfig {
  /** Rank of the adapters. Default 8; of `loraTrain` 16. */
  r: number
  /** The adapter is scaled by alpha / r (alpha / sqrt(r) with `useRslora`). Default 8; of `loraTrain` 2 r. */
  alpha: number
  /** Probability with which an element of the adapter's input is zeroed in training. Default 0. */
  dropout: number
  /**
   * The linear layers that get an adapter: a list matches a module's whole path or its last parts, a string is a
   * regular expression for the whole path, 'all-linear' is every one but the output head.
   * Default: q_proj and v_proj (qkv_proj where the architecture has it fused); of `loraTrain` 'all-linear'.
   */
  targetModules: readonly string[] | string | undefined
  /** Modules left out although they match; list or regular expression as above. Default: none. */
  excludeModules: readonly string[] | string | undefined
  /** Rank by regular expression on the end of the module path; the first that matches wins. Default: none. */
  rankPattern: Readonly<Record<string, number>>
  /** Alpha by regular expression, likewise. Default: none. */
  alphaPattern: Readonly<Record<string, number>>
  /** Only these layer numbers; with a list of `targetModules` only. Default: all. */
  layersToTransform: readonly number[] | number | undefined
  /** Name of the module list that the layer number follows, such as 'layers'. */
  layersPattern: readonly string[] | string | undefined
  /** Biases that train too: none, all of the model, or those of the adapted layers. Default 'none'. */
  bias: 'none' | 'all' | 'lora_only'
  /** Modules trained whole, as copies saved with the adapter, such as 'lm_head' or 'embed_tokens'. Default: none. */
  modulesToSave: readonly string[]
  /** Scale by alpha / sqrt(r) (Kalajdzievski 2023). Default false. */
  useRslora: boolean
  /** Weight-decomposed adapters (Liu et al. 2024). Default false. */
  useDora: boolean
  /** Start of the matrices. Default true. */
  initLoraWeights: InitLoraWeights
  /** Seed of the matrices and of dropout. Default 42; of `loraTrain` its `seed`. */
  seed: number
}

const names = z.union(
  [z.array(z.string()), z.string()],
  'must be a list of names or a regular expression',
)
const layers = z.union([z.array(wholeNumber(0)), wholeNumber(0)], 'must be layer numbers')

/** The rules of a LoRA configuration, for what takes one in another spelling. */
export const loraRules = {
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
} satisfies Record<keyof LoraConfig, z.ZodType>

const loraConfigSchema = z.strictObject(loraRules)

/** A LoraConfig in which everything but what is given takes its default. */
export type LoraOptions = OptionsOf<LoraConfig>

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
