import { ConfigError } from '@llft/runtime'
import { expect, it } from 'vitest'
import { describeQuantization, type QuantizationOptions, quantizationConfig } from '../src/index.js'

it('is nf4 with quantised scales unless told otherwise', () => {
  const defaults = {
    format: 'nf4',
    blockSize: 64,
    doubleQuantization: true,
    skip: ['lm_head'],
    computeDtype: undefined,
    fixedPoint: true,
  }
  expect(quantizationConfig()).toEqual(defaults)
  expect(quantizationConfig('int8')).toEqual({ ...defaults, format: 'int8' })
  expect(quantizationConfig({ load_in_4bit: true })).toEqual(defaults)
})

it('understands BitsAndBytesConfig', () => {
  const config = quantizationConfig({
    load_in_4bit: true,
    load_in_8bit: false,
    bnb_4bit_quant_type: 'fp4',
    bnb_4bit_use_double_quant: false,
    bnb_4bit_compute_dtype: 'torch.bfloat16',
    bnb_4bit_blocksize: 128,
    llm_int8_skip_modules: ['q_proj'],
    llm_int8_threshold: 6,
  })
  expect(config).toEqual({
    format: 'fp4',
    blockSize: 128,
    doubleQuantization: false,
    skip: ['q_proj', 'lm_head'],
    computeDtype: 'bfloat16',
    fixedPoint: true,
  })
  expect(quantizationConfig({ load_in_8bit: true }).format).toBe('int8')
})

it.each<[unknown, RegExp]>([
  [{ blocksize: 64 }, /got 'blocksize'. Did you mean 'blockSize'\?/],
  [{ bnb_4bit_quant_typ: 'nf4' }, /Did you mean 'bnb_4bit_quant_type'\?/],
  [{ blockSize: 48 }, /blockSize: must be 32, 64, .* or 4096; got 48/],
  [{ format: 'q4_0' }, /format: must be 'nf4', 'fp4' or 'int8'; got 'q4_0'/],
  ['nf5', /must be 'nf4', 'fp4', 'int8' or an object of options; got 'nf5'/],
  [{ skip: 'lm_head' }, /skip: must be a list of names/],
  [{ doubleQuantization: 1 }, /doubleQuantization: must be true or false; got 1/],
  [{ load_in_4bit: true, load_in_8bit: true }, /one of load_in_4bit and load_in_8bit/],
  [{ load_in_8bit: true, format: 'nf4' }, /format: must not contradict/],
  [
    { bnb_4bit_compute_dtype: 'float16' },
    /got 'float16'. Nothing is computed in it here: leave it out/,
  ],
  [{ bnb_4bit_compute_dtype: 'float64' }, /compute_dtype: must be 'float32' or 'bfloat16'; got/],
  [{ bnb_4bit_blocksize: 48 }, /bnb_4bit_blocksize: must be 32, 64, .* or 4096; got 48/],
  [{ skip: [1] }, /skip.0: must be a name; got 1/],
  [{ bnb_4bit_quant_storage: 'bfloat16' }, /bnb_4bit_quant_storage: must be 'uint8'/],
])('refuses %j', (options, message) => {
  const call = () => quantizationConfig(options as QuantizationOptions)
  expect(call).toThrow(ConfigError)
  expect(call).toThrow(message)
})

it('passes over nulls, as config.json has them', () => {
  const nulls = { load_in_4bit: null, bnb_4bit_quant_type: null, llm_int8_skip_modules: null }
  expect(quantizationConfig({ ...nulls, bnb_4bit_compute_dtype: null })).toEqual(
    quantizationConfig(),
  )
})

it('says what was chosen, and what it costs', () => {
  expect(describeQuantization(quantizationConfig({ load_in_4bit: true }))).toBe(
    'nf4, blocks of 64, scales quantised to 8 bits, 4.13 bits a weight; floats: embeddings, norms, lm_head',
  )
  expect(
    describeQuantization(quantizationConfig({ format: 'fp4', doubleQuantization: false })),
  ).toBe(
    'fp4, blocks of 64, scales float32, 4.50 bits a weight; floats: embeddings, norms, lm_head',
  )
  expect(describeQuantization(quantizationConfig('int8'))).toContain('int8, one scale a row')
})
