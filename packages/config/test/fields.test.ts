import { expect, it } from 'vitest'
import { FIELDS } from '../src/fields.js'
import { describeFields } from '../src/index.js'

it('the list of options is that of the schema', async () => {
  // A mismatch is mended by writing the list anew: node scripts/write-fields.mjs
  expect(FIELDS).toEqual(describeFields())
})
