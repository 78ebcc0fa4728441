import { describe, expect, it } from 'vitest'
import * as errors from '../src/index.js'

const { createError, LlftError } = errors

describe('createError', () => {
  it.each([
    ['ERR_LLFT_SHAPE', errors.ShapeError],
    ['ERR_LLFT_DTYPE', errors.DtypeError],
    ['ERR_LLFT_DEVICE', errors.DeviceError],
    ['ERR_LLFT_OUT_OF_MEMORY', errors.OutOfMemoryError],
    ['ERR_LLFT_DISPOSED', errors.DisposedError],
    ['ERR_LLFT_NATIVE_LOAD', errors.NativeLoadError],
    ['ERR_LLFT_FORMAT', errors.FormatError],
    ['ERR_LLFT_CONFIG', errors.ConfigError],
    ['ERR_LLFT_DATA', errors.DataError],
    ['ERR_LLFT_ABORTED', errors.AbortedError],
    ['ERR_LLFT_SAVE', errors.SaveError],
  ])('%s is an error of the class that bears the code', (code, expected) => {
    const error = createError(code, 'text')
    expect(error).toBeInstanceOf(expected)
    expect(error).toBeInstanceOf(LlftError)
    expect(error).toMatchObject({ code, name: expected.name, message: 'text' })
  })

  it('keeps a code that has no class', () => {
    const error = createError('ERR_LLFT_NEW', 'text')
    expect(error).toMatchObject({ code: 'ERR_LLFT_NEW', name: 'LlftError' })
  })
})
