import { ConfigError, Warnings } from '@llft/errors'
import { parseOptions } from '@llft/options'
import {
  configJson,
  type DType,
  type LanguageModel,
  Linear,
  LinearModule,
  type Module,
  type SavedModel,
  type SaveOptions,
  saveOptionsShape,
  scale,
  type Tensor,
  type TensorRecipe,
  tensorSource,
  writeModelFolder,
} from '@llft/runtime'
import type { TensorSource } from '@llft/safetensors'
import { z } from 'zod'
import { readCodebooks } from './codebooks.js'
import type { Codebooks } from './quant-state.js'
import { QuantizedWeight } from './quantized-weight.js'
import { INT8_RANGE } from './stored-weight.js'

/** As for `saveModel`; `dtype` is that of what is stored as floats. */
export type SaveQuantizedOptions = SaveOptions

const schema = z.strictObject(saveOptionsShape)

/**
 * Writes a model folder whose quantised layers are stored as bitsandbytes stores them, so that transformers loads it
 * with bitsandbytes, and `loadQuantizedModel` does.
 *
 * @throws ConfigError where a linear layer is wrapped, where none is quantised, or where formats are mixed; and for a
 *   folder that `saveModel` would refuse.
 */
export async function saveQuantizedModel(
  folder: string,
  model: LanguageModel,
  options: SaveQuantizedOptions = {},
): Promise<SavedModel> {
  const parsed = parseOptions(schema, options, 'saveQuantizedModel')
  const { dtype = model.dtype as 'float32' | 'bfloat16', onWarning, ...rest } = parsed
  const layers = quantizedLayers(model)
  const codebooks = await readCodebooks()
  const tensors: TensorSource[] = []
  for (const [path, module] of model.modules()) {
    const weight = layers.get(path)
    if (weight !== undefined) tensors.push(...(await sourcesOf(path, weight, { dtype, codebooks })))
    for (const [name, tensor] of ownFloats(module, weight)) {
      tensors.push(tensorSource(`${path}.${name}`, tensor, dtype))
    }
  }
  const quantization_config = configOf(model, layers, dtype)
  return writeModelFolder(folder, model, {
    ...rest,
    where: 'saveQuantizedModel',
    tensors,
    config: { ...configJson(model.config, dtype), quantization_config },
    warnings: new Warnings(onWarning),
  })
}

type Layers = ReadonlyMap<string, QuantizedWeight>

function quantizedLayers(model: LanguageModel): Layers {
  const layers = new Map<string, QuantizedWeight>()
  for (const [path, module] of model.modules()) {
    if (module instanceof LinearModule && !(module instanceof Linear)) {
      throw new ConfigError(
        `saveQuantizedModel: ${path} must be a plain linear layer; got a ${module.constructor.name}. Take the adapter off first.`,
      )
    }
    if (module instanceof Linear && module.weight instanceof QuantizedWeight) {
      layers.set(path, module.weight)
    }
  }
  const forms = new Set([...layers.values()].map(formOf))
  if (forms.size === 1) return layers
  const got = forms.size === 0 ? 'none' : [...forms].join(' and ')
  throw new ConfigError(`saveQuantizedModel: layers must be quantised, all in one way; got ${got}.`)
}

function formOf({ matrix: { format, block, offset } }: QuantizedWeight): string {
  if (format === 'int8') return format
  return `${format} in blocks of ${block}${offset === undefined ? '' : ', doubly quantised'}`
}

function* ownFloats(module: Module, weight: QuantizedWeight | undefined) {
  if (weight === undefined) yield* module.ownParameters()
  else if (module instanceof Linear && module.bias) yield ['bias', module.bias] as const
}

/** bitsandbytes stores the largest magnitude of a row, which the code 127 stands for. */
function rowMaxima(absmax: Tensor): TensorRecipe {
  return { shape: absmax.shape, make: () => scale(absmax, INT8_RANGE) }
}

interface Writing {
  readonly dtype: DType
  readonly codebooks: Codebooks
}

async function sourcesOf(
  path: string,
  { matrix }: QuantizedWeight,
  { dtype, codebooks }: Writing,
): Promise<TensorSource[]> {
  const { format, rows, columns, block, codes, absmax, nestedAbsmax, offset } = matrix
  const weight = tensorSource(`${path}.weight`, codes, codes.dtype)
  if (format === 'int8') {
    return [
      weight,
      tensorSource(`${path}.SCB`, rowMaxima(absmax), 'float32'),
      { name: `${path}.weight_format`, dtype: 'U8', shape: [], data: Uint8Array.of(0) },
    ]
  }
  const state = {
    quant_type: format as 'nf4' | 'fp4',
    blocksize: block,
    dtype,
    shape: [rows, columns],
    ...(offset && {
      nested_blocksize: 256,
      nested_dtype: 'float32',
      nested_offset: await offset.item(),
    }),
  }
  const bytes = new TextEncoder().encode(JSON.stringify(state))
  const at = (name: string) => `${path}.weight.${name}`
  const floats = (name: string, values: ArrayLike<number>): TensorSource => {
    return { name: at(name), dtype: 'F32', shape: [values.length], data: Float32Array.from(values) }
  }
  return [
    { ...weight, shape: [codes.size, 1] },
    tensorSource(at('absmax'), absmax, absmax.dtype),
    floats('quant_map', codebooks[format]),
    ...(nestedAbsmax
      ? [
          tensorSource(at('nested_absmax'), nestedAbsmax, 'float32'),
          floats('nested_quant_map', codebooks.dynamic),
        ]
      : []),
    {
      name: at(`quant_state.bitsandbytes__${format}`),
      dtype: 'U8',
      shape: [bytes.length],
      data: bytes,
    },
  ]
}

/** What transformers reads. `llm_int8_threshold` keeps its default of 6, as transformers refuses it without a decimal point. */
function configOf(model: LanguageModel, layers: Layers, dtype: DType): Record<string, unknown> {
  const [first] = layers.values()
  const { format, offset, block } = (first as QuantizedWeight).matrix
  const fourBit = format !== 'int8'
  const floats = [...model.modules()]
    .filter(([path, module]) => module instanceof LinearModule && !layers.has(path))
    .map(([path]) => path)
  return {
    quant_method: 'bitsandbytes',
    load_in_4bit: fourBit,
    load_in_8bit: !fourBit,
    bnb_4bit_quant_type: fourBit ? format : 'nf4',
    bnb_4bit_use_double_quant: offset !== undefined,
    ...(fourBit && block !== 64 ? { bnb_4bit_blocksize: block } : {}),
    bnb_4bit_compute_dtype: dtype,
    bnb_4bit_quant_storage: 'uint8',
    llm_int8_skip_modules: floats,
    llm_int8_has_fp16_weight: false,
    llm_int8_enable_fp32_cpu_offload: false,
  }
}
