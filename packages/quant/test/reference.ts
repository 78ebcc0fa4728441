import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { SafetensorsFile } from '@llft/safetensors'

/** Some cases of bitsandbytes, copied; and all of them, where they lie beside the clone. */
export const OWN_CASES = fileURLToPath(
  new URL('./fixtures/bitsandbytes.safetensors', import.meta.url),
)
const SHARED =
  process.env.LLFT_SHARED ?? fileURLToPath(new URL('../../../../shared', import.meta.url))
export const ALL_CASES = `${SHARED}/golden/quant/quant.safetensors`
export const hasAllCases = existsSync(ALL_CASES)

/** What bitsandbytes makes of one matrix. */
export interface QuantCase {
  name: string
  format: 'nf4' | 'fp4'
  block: number
  shape: [number, number]
  weight: Float32Array
  packed: Uint8Array
  absmax: Float32Array | Uint8Array
  nestedAbsmax: Float32Array | undefined
  offset: number | undefined
  dequantized: Float32Array
}

export async function readQuantCases(path: string): Promise<QuantCase[]> {
  const file = await SafetensorsFile.open(path)
  const names = [...file.tensors.keys()].filter((name) => name.endsWith('.packed'))
  return Promise.all(names.map((name) => readCase(file, name.slice(0, -'.packed'.length))))
}

export async function readFloats(file: SafetensorsFile, name: string): Promise<Float32Array> {
  return new Float32Array((await file.read(name)).slice().buffer)
}

async function readCase(file: SafetensorsFile, name: string): Promise<QuantCase> {
  const [format, block] = name.split('.') as ['nf4' | 'fp4', string]
  const nested = file.tensors.has(`${name}.nested_absmax`)
  return {
    name,
    format,
    block: Number(block.slice(1)),
    shape: file.tensors.get(`${name}.weight`)?.shape as [number, number],
    weight: await readFloats(file, `${name}.weight`),
    packed: await file.read(`${name}.packed`),
    absmax: nested ? await file.read(`${name}.absmax`) : await readFloats(file, `${name}.absmax`),
    nestedAbsmax: nested ? await readFloats(file, `${name}.nested_absmax`) : undefined,
    offset: nested ? (await readFloats(file, `${name}.offset`))[0] : undefined,
    dequantized: await readFloats(file, `${name}.dequant`),
  }
}
