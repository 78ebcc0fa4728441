import { list, oneOf, text } from '@llft/options'
import { z } from 'zod'

// Rules that the options of ours share with the keys of BitsAndBytesConfig.

export const blockSizes = oneOf([32, 64, 128, 256, 512, 1024, 2048, 4096])

export const layerNames = list(text('must be a name'), 'must be a list of names')

/** A type to compute in, as PyTorch names it. */
export const computeDtypes = z
  .string("must be 'float32' or 'bfloat16'")
  .transform((name) => name.replace(/^torch\./, ''))
  .refine((name) => name !== 'float16', {
    error: "must be 'float32' or 'bfloat16'",
    params: { fix: 'Nothing is computed in it here: leave it out.' },
  })
  .pipe(oneOf(['float32', 'bfloat16']))
