import { describe, expect, it } from 'vitest'
import { ConfigError, keep, scope, Tensor, unscoped } from '../src/index.js'
import { expectNoLeak, held } from './memory.js'

describe('scope', () => {
  it('frees what it does not return', async () => {
    await expectNoLeak(() => {
      const kept = scope(() => {
        Tensor.zeros([10])
        const list = [Tensor.zeros([2])]
        return { list, pair: { first: Tensor.zeros([3]) }, text: 'x' }
      })
      expect(kept.list[0]?.disposed).toBe(false)
      expect(kept.pair.first.disposed).toBe(false)
      kept.list[0]?.dispose()
      kept.pair.first.dispose()
    })
  })

  it('hands what it returns to the scope around it', async () => {
    await expectNoLeak(() => {
      let inner: Tensor | undefined
      scope(() => {
        inner = scope(() => Tensor.zeros([4]))
        expect(inner.disposed).toBe(false)
      })
      expect(inner?.disposed).toBe(true)
    })
  })

  it('frees everything when the callback throws', async () => {
    await expectNoLeak(() => {
      const fail = () =>
        scope(() => {
          Tensor.zeros([4])
          throw new RangeError('no')
        })
      expect(fail).toThrow(RangeError)
    })
  })

  it('leaves kept and unscoped tensors alone', async () => {
    await expectNoLeak(() => {
      const outside: Tensor[] = []
      scope(() => {
        outside.push(keep(Tensor.zeros([1])))
        unscoped(() => outside.push(Tensor.zeros([1])))
      })
      expect(outside.map((tensor) => tensor.disposed)).toEqual([false, false])
      for (const tensor of outside) tensor.dispose()
    })
  })

  it('refuses async callbacks and frees what they made before their first await', async () => {
    const before = held()
    const run = () =>
      scope(async () => {
        const tensor = Tensor.zeros([4])
        await Promise.resolve()
        return tensor
      })
    expect(run).toThrow(ConfigError)
    expect(run).toThrow(/must not be async/)
    await Promise.resolve()
    expect(held()).toEqual(before)
  })
})
