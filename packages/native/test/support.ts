import { type Addon, type DType, type Handle, loadAddon } from '../src/index.js'

export const addon: Addon = loadAddon()

/** A float32 tensor of these values. */
export function floats(values: readonly number[], shape: readonly number[] = [values.length]) {
  return addon.fromBytes(new Uint8Array(Float32Array.from(values).buffer), 'float32', shape)
}

/** An int32 tensor of these values. */
export function integers(values: readonly number[]): Handle {
  return addon.fromBytes(new Uint8Array(Int32Array.from(values).buffer), 'int32', [values.length])
}

/** The values of a float32 tensor. */
export async function valuesOf(x: Handle): Promise<number[]> {
  return [...new Float32Array(await addon.read(x))]
}

/** A number that is no live tensor's handle, typed as one. */
export const asHandle = (value: unknown) => value as Handle
export const asDType = (value: unknown) => value as DType
