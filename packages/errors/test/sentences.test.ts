import { describe, expect, it } from 'vitest'
import { ConfigError, closestName, shown, suggestion, unknownOption } from '../src/index.js'

describe('closestName', () => {
  const known = ['alpha', 'dropout', 'targetModules', 'useRslora']

  it.each([
    ['alpa', 'alpha'],
    ['drop_out', 'dropout'],
    ['target_modules', 'targetModules'],
    ['userslora', 'useRslora'],
  ])('%s means %s', (name, meant) => {
    expect(closestName(name, known)).toBe(meant)
  })

  it('passes over a prefix that may be left out', () => {
    expect(closestName('lora_alpha', known)).toBeUndefined()
    expect(closestName('lora_alpha', known, 'lora')).toBe('alpha')
  })

  it('names nothing where more than a third differs', () => {
    expect(closestName('learning', known)).toBeUndefined()
    expect(closestName('', known)).toBeUndefined()
  })
})

describe('shown', () => {
  it.each([
    [undefined, 'nothing'],
    [null, 'null'],
    ['text', "'text'"],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [12n, '12'],
    [true, 'true'],
    [() => 1, 'a function'],
    [[1, 'a'], '[1,"a"]'],
    [{ a: 1 }, '{"a":1}'],
    [{ big: 12n }, 'an object that JSON cannot write'],
  ])('%s is %s', (value, text) => {
    expect(shown(value)).toBe(text)
  })

  it('cuts what is long', () => {
    expect(shown(Array(100).fill(1), 10)).toBe('[1,1,1,...')
    expect(shown('x'.repeat(100), 10)).toBe(`'${'x'.repeat(7)}...'`)
  })
})

describe('unknownOption', () => {
  it('names the option that was meant', () => {
    const error = unknownOption('lora', 'alpa', ['r', 'alpha'])
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toBe(
      "lora: must have known options only; got 'alpa'. Did you mean 'alpha'?",
    )
  })

  it('lists all where none is near', () => {
    expect(suggestion('colour', ['r', 'alpha'])).toBe('Known options: r, alpha.')
  })
})
