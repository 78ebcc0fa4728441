import { loadQuantizedModel, type QuantizationOptions, storedQuantization } from '@llft/quant'
import { type CausalLM, loadModel, readConfig } from '@llft/runtime'

/**
 * Loads a model as it is stored, in floats or in the codes of bitsandbytes, or quantised as asked.
 *
 * @throws what `loadModel` and `loadQuantizedModel` throw.
 */
export async function loadBase(
  folder: string,
  quantization?: QuantizationOptions,
): Promise<CausalLM> {
  const isQuantized =
    quantization !== undefined || storedQuantization(await readConfig(folder), folder) !== undefined
  return isQuantized ? loadQuantizedModel(folder, { quantization }) : loadModel(folder)
}
