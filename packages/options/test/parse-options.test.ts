import { ConfigError } from '@llft/errors'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  abortSignal,
  above,
  atLeast,
  flag,
  from,
  list,
  oneOf,
  parseOptions,
  text,
  wholeNumber,
} from '../src/index.js'

const schema = z.strictObject({
  count: wholeNumber(1).default(4),
  rate: atLeast(0).optional(),
  scale: above(0).optional(),
  share: from(0, 1).optional(),
  folder: text('must be a folder').optional(),
  kind: oneOf(['linear', 'cosine', 'constant']).default('linear'),
  block: oneOf([32, 64]).optional(),
  packed: flag.default(false),
  names: list(text('must be a name'), 'must be a list of names').optional(),
  nested: z.strictObject({ alpha: above(0).default(8) }).optional(),
  signal: abortSignal.optional(),
  odd: z
    .unknown()
    .refine((value) => value !== 2, { error: 'must be odd', params: { fix: 'Leave it out.' } })
    .optional(),
})

const parse = (options: unknown) => parseOptions(schema, options, 'run')

describe('parseOptions', () => {
  it('fills in defaults, and takes undefined for what is left out', () => {
    expect(parse({ rate: undefined })).toMatchObject({ count: 4, kind: 'linear', packed: false })
    expect(parse({ count: 2, nested: {} })).toMatchObject({ count: 2, nested: { alpha: 8 } })
  })

  it.each([
    [{ count: 0 }, 'run.count: must be at least 1; got 0.'],
    [{ count: 1.5 }, 'run.count: must be a whole number; got 1.5.'],
    [{ count: '3' }, "run.count: must be a whole number; got '3'."],
    [{ rate: -1 }, 'run.rate: must be at least 0; got -1.'],
    [{ rate: Number.NaN }, 'run.rate: must be a number; got NaN.'],
    [{ rate: Number.POSITIVE_INFINITY }, 'run.rate: must be a number; got Infinity.'],
    [{ scale: 0 }, 'run.scale: must be above 0; got 0.'],
    [{ share: 2 }, 'run.share: must be at most 1; got 2.'],
    [{ folder: '' }, "run.folder: must be a folder; got ''."],
    [{ kind: 'cubic' }, "run.kind: must be 'linear', 'cosine' or 'constant'; got 'cubic'."],
    [{ block: 48 }, 'run.block: must be 32 or 64; got 48.'],
    [{ packed: null }, 'run.packed: must be true or false; got null.'],
    [{ names: 'x' }, "run.names: must be a list of names; got 'x'."],
    [{ names: ['a', 1] }, 'run.names.1: must be a name; got 1.'],
    [{ nested: { alpha: 0 } }, 'run.nested.alpha: must be above 0; got 0.'],
    [{ signal: {} }, 'run.signal: must be an AbortSignal; got {}.'],
    [{ odd: 2 }, 'run.odd: must be odd; got 2. Leave it out.'],
  ])('%j: %s', (options, message) => {
    expect(() => parse(options)).toThrow(ConfigError)
    expect(() => parse(options)).toThrow(message)
  })

  it('names the option that was meant, also within another', () => {
    expect(() => parse({ packd: true })).toThrow(
      "run: must have known options only; got 'packd'. Did you mean 'packed'?",
    )
    expect(() => parse({ nested: { alphas: 1 } })).toThrow(
      "run.nested: must have known options only; got 'alphas'. Did you mean 'alpha'?",
    )
    const context = { where: 'run', prefix: 'my' }
    expect(() => parseOptions(schema, { my_folder: 'x' }, context)).toThrow("Did you mean 'folder'")
  })

  it('tells of every mistake at once', () => {
    expect(() => parse({ count: 0, rate: -1 })).toThrow(/count: .*rate: /)
  })
})
