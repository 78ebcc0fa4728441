import { FormatError } from '@llft/errors'
import { parseJsonObject } from '@llft/input'
import { NESTED_BLOCK } from '@llft/runtime'
import type { Checkpoint } from '@llft/safetensors'

/** What `X.weight.quant_state.bitsandbytes__nf4` or `__fp4` says of a weight. */
export interface QuantState {
  readonly format: 'nf4' | 'fp4'
  readonly block: number
  readonly shape: readonly [number, number]
  /** Mean of the scales, where these are quantised as well. */
  readonly offset: number | undefined
  /** The scales themselves where their code 0 stands for -1, as some builds of bitsandbytes have it. */
  readonly absmax: Float32Array | undefined
}

const KEYS: readonly string[] = [
  'quant_type',
  'blocksize',
  'dtype',
  'shape',
  'nested_blocksize',
  'nested_dtype',
  'nested_offset',
]
const SUFFIX = /^(.+)\.weight\.quant_state\.bitsandbytes__(nf4|fp4)$/

/** The states of every 4-bit weight of a checkpoint by the path of its layer. @throws FormatError naming file and tensor. */
export async function readQuantStates(
  checkpoint: Checkpoint,
  codebooks: Codebooks,
): Promise<Map<string, QuantState>> {
  const states = new Map<string, QuantState>()
  for (const { name, file } of checkpoint.tensors.values()) {
    const [, path, format] = SUFFIX.exec(name) ?? []
    if (path === undefined) continue
    const where = `${file.path}: tensor "${name}"`
    const state = parseState(await checkpoint.read(name), format as 'nf4' | 'fp4', where)
    await requireValues(checkpoint, `${path}.weight.quant_map`, codebooks[state.format])
    const { offset } = state
    const absmax =
      offset === undefined ? undefined : await readNested(checkpoint, path, offset, codebooks)
    states.set(path, { ...state, absmax })
  }
  return states
}

/** The values that codes stand for. */
export interface Codebooks {
  readonly nf4: readonly number[]
  readonly fp4: readonly number[]
  /** The signed dynamic map. */
  readonly dynamic: ArrayLike<number>
}

function parseState(
  bytes: Uint8Array,
  format: 'nf4' | 'fp4',
  where: string,
): Omit<QuantState, 'absmax'> {
  const fail = (must: string, got: unknown): never => {
    throw new FormatError(`${where}: ${must}; got ${JSON.stringify(got)}.`)
  }
  const json = parseJsonObject(Buffer.from(bytes).toString('utf8'), where)
  for (const key of Object.keys(json)) {
    if (!KEYS.includes(key)) fail(`must have known keys only (${KEYS.join(', ')})`, key)
  }
  const { quant_type: type, blocksize: block, shape, nested_offset: offset } = json
  if (type !== format) fail(`quant_type must be '${format}', as in its name`, type)
  const isPower = typeof block === 'number' && block >= 32 && block <= 4096 && isPowerOf2(block)
  if (!isPower) fail('blocksize must be a power of two from 32 to 4096', block)
  const fits = Array.isArray(shape) && shape.length === 2 && shape.every(Number.isSafeInteger)
  if (!fits) fail('shape must be two whole numbers', shape)
  if (offset !== undefined && !Number.isFinite(offset)) fail('nested_offset must be finite', offset)
  if (offset !== undefined && json.nested_blocksize !== 256) {
    fail('nested_blocksize must be 256', json.nested_blocksize)
  }
  if (offset !== undefined && json.nested_dtype !== 'float32') {
    fail("nested_dtype must be 'float32'", json.nested_dtype)
  }
  return {
    format,
    block: block as number,
    shape: shape as [number, number],
    offset: offset as number | undefined,
  }
}

function isPowerOf2(value: number): boolean {
  return Number.isInteger(Math.log2(value))
}

/** Checks the map of quantised scales, and expands these where the map is not the one of the kernels. */
async function readNested(
  checkpoint: Checkpoint,
  path: string,
  offset: number,
  { dynamic }: Codebooks,
): Promise<Float32Array | undefined> {
  const name = `${path}.weight.nested_quant_map`
  const map = await readFloats(checkpoint, name)
  const own = map[0] !== -1
  const expected = Float32Array.from(dynamic)
  if (!own) expected[0] = -1
  await requireValues(checkpoint, name, expected)
  if (own) return undefined
  const codes = await checkpoint.read(`${path}.weight.absmax`)
  const nested = await readFloats(checkpoint, `${path}.weight.nested_absmax`)
  return Float32Array.from(codes, (code, at) => {
    const factor = nested[Math.floor(at / NESTED_BLOCK)] ?? Number.NaN
    return Math.fround((expected[code] as number) * factor) + Math.fround(offset)
  })
}

async function requireValues(
  checkpoint: Checkpoint,
  name: string,
  expected: ArrayLike<number>,
): Promise<void> {
  const values = await readFloats(checkpoint, name)
  const at = Array.from(expected).findIndex((value, i) => {
    // Builds of bitsandbytes differ in the last bit of some values, which are rounded from decimals.
    return !(Math.abs((values[i] ?? Number.NaN) - value) <= 2 ** -22 * Math.abs(value))
  })
  if (at < 0 && values.length === expected.length) return
  const file = checkpoint.tensors.get(name)?.file.path
  const got =
    at < 0 ? `${values.length} values` : `${values[at]} at ${at} instead of ${expected[at]}`
  throw new FormatError(`${file}: tensor "${name}" must be the codebook of its format; got ${got}.`)
}

async function readFloats(checkpoint: Checkpoint, name: string): Promise<Float32Array> {
  const { dtype, file } = checkpoint.tensors.get(name) ?? {}
  if (dtype !== undefined && dtype !== 'F32') {
    throw new FormatError(`${file?.path}: tensor "${name}" must be F32; got ${dtype}.`)
  }
  const bytes = await checkpoint.read(name)
  return new Float32Array(bytes.slice().buffer)
}
