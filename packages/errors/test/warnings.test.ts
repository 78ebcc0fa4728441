import { describe, expect, it, vi } from 'vitest'
import { formatWarning, guardHandler, type LlftWarning, Warnings } from '../src/index.js'

const WARNING = ['WARN_LLFT_NO_EFFECT', 'evalEvery does nothing.', 'Leave it out.'] as const

describe('Warnings', () => {
  it('keeps each and tells it', () => {
    const told: LlftWarning[] = []
    const warnings = new Warnings((warning) => told.push(warning))
    warnings.add(...WARNING)
    expect(warnings.list).toEqual(told)
    expect(told).toEqual([
      { code: WARNING[0], message: WARNING[1], remedy: 'Leave it out.' },
    ] satisfies LlftWarning[])
  })

  it('takes one line', () => {
    const [code, message, remedy] = WARNING
    const line = formatWarning({ code, message, remedy })
    expect(line).toBe('llft: warning: evalEvery does nothing. Leave it out. (WARN_LLFT_NO_EFFECT)')
  })

  it.each([
    ['throws', () => fail()],
    ['rejects', async () => fail()],
  ])('falls back to stderr where the handler %s', async (_, handler) => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    try {
      new Warnings(handler).add(...WARNING)
      await new Promise(setImmediate)
      expect(write).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('evalEvery'))
    } finally {
      write.mockRestore()
    }
  })
})

describe('guardHandler', () => {
  it('passes on what the handler throws at once', () => {
    const handler = guardHandler(() => fail(), new Warnings(() => undefined))
    expect(() => handler(1)).toThrow('broken')
  })

  it('turns the first rejection into a warning', async () => {
    const warnings = new Warnings(() => undefined)
    const handler = guardHandler(async () => fail(), warnings)
    handler(1)
    handler(2)
    await new Promise(setImmediate)
    expect(warnings.list).toMatchObject([
      { code: 'WARN_LLFT_HANDLER_FAILED', message: 'onEvent rejected: broken' },
    ])
  })
})

function fail(): never {
  throw new Error('broken')
}
