import { afterEach, expect, it } from 'vitest'
import { RandomSource } from '../src/models/random-source.js'
import type { Tensor } from '../src/tensor.js'

const made: Tensor[] = []
afterEach(() => {
  for (const tensor of made.splice(0)) tensor.dispose()
})

async function draw(source: RandomSource, name: string, columns = 8): Promise<number[]> {
  const tensor = source.tensor(name, [4, columns], 'normal')
  made.push(tensor)
  return [...(await tensor.read())]
}

const source = (seed = 1) => new RandomSource('float32', seed, 0.02)

it('draws the same for a name whatever was drawn before it', async () => {
  const first = source()
  const [a, b] = [await draw(first, 'a.weight'), await draw(first, 'b.weight')]
  const second = source()
  await draw(second, 'c.weight', 5)
  expect(await draw(second, 'b.weight')).toEqual(b)
  expect(await draw(second, 'a.weight')).toEqual(a)
})

it('draws other numbers for another name and for another seed', async () => {
  const a = await draw(source(), 'a.weight')
  expect(await draw(source(), 'b.weight')).not.toEqual(a)
  expect(await draw(source(2), 'a.weight')).not.toEqual(a)
})

it('draws from N(0, std); norms are 1 and biases 0', async () => {
  const values = await draw(source(), 'a.weight', 4096)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length
  // Six standard errors of mean and variance.
  expect(Math.abs(mean)).toBeLessThan((6 * 0.02) / Math.sqrt(values.length))
  expect(Math.abs(variance / 0.02 ** 2 - 1)).toBeLessThan(6 * Math.sqrt(2 / values.length))
  const norm = source().tensor('n.weight', [3], 'ones')
  const bias = source().tensor('n.bias', [3], 'zeros')
  made.push(norm, bias)
  expect([...(await norm.read()), ...(await bias.read())]).toEqual([1, 1, 1, 0, 0, 0])
})
