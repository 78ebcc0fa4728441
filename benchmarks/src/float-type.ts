/** The types that products are computed in. */
export type FloatType = 'float32' | 'bfloat16'

export const FLOAT_TYPES: readonly FloatType[] = ['bfloat16', 'float32']

/** As names of cases have it. */
export const SHORT_TYPE = { bfloat16: 'bf16', float32: 'f32' } as const

export const BYTES_OF_TYPE = { bfloat16: 2, float32: 4 } as const
