import { IGNORED } from '@llft/data'
import { IGNORED_TARGET } from '@llft/runtime'
import { expect, it } from 'vitest'

// data must not depend on the runtime, nor the runtime on data: what both say is compared where both are known.
it('what data does not let learn is what the loss does not count', () => {
  expect(IGNORED).toBe(IGNORED_TARGET)
})
