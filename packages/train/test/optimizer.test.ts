import { Tensor } from '@llft/runtime'
import { afterEach, describe, expect, it } from 'vitest'
import { AdamW, decayGroups, type Optimizer, type Parameter, Sgd } from '../src/index.js'

const START = [0.5, -1.25, 2, 0.01]
const GRADIENTS = [
  [0.1, -0.2, 0.3, 0],
  [-0.05, 0.4, 0.001, 2],
  [1, 1, -1, 1e-3],
]
const LR = 0.1
const DECAY = 0.05
// Each float32 step rounds a handful of times, relative to values of at most 2.
const BOUND = 8 * 2 ** -23 * 2 * GRADIENTS.length

const made: { dispose(): void }[] = []
afterEach(() => {
  for (const one of made.splice(0)) one.dispose()
})

function parameter(name: string, values: readonly number[] = START): Parameter {
  const tensor = Tensor.from(Float32Array.from(values))
  tensor.requiresGrad = true
  made.push(tensor)
  return { name, tensor }
}

/** One update with each gradient, halved by the factor. */
async function run(optimizer: Optimizer, { tensor }: Parameter, gradients = GRADIENTS) {
  made.push(optimizer)
  for (const gradient of gradients) {
    tensor.grad = Tensor.from(Float32Array.from(gradient.map((value) => 2 * value)))
    const half = Tensor.from([0.5])
    optimizer.step(LR, half)
    half.dispose()
    optimizer.clearGradients()
  }
  return [...(await tensor.read())]
}

function expectClose(got: readonly number[], expected: readonly number[]) {
  expect(got).toHaveLength(expected.length)
  for (const [i, value] of expected.entries()) {
    expect(Math.abs((got[i] as number) - value)).toBeLessThanOrEqual(BOUND)
  }
}

/** torch.optim.AdamW in double precision. */
function adamwReference(beta1: number, beta2: number, eps: number) {
  return START.map((start, i) => {
    let [p, m, v] = [start, 0, 0]
    GRADIENTS.forEach((gradient, step) => {
      const g = gradient[i] as number
      p *= 1 - LR * DECAY
      m = beta1 * m + (1 - beta1) * g
      v = beta2 * v + (1 - beta2) * g * g
      const root = Math.sqrt(v) / Math.sqrt(1 - beta2 ** (step + 1)) + eps
      p -= ((LR / (1 - beta1 ** (step + 1))) * m) / root
    })
    return p
  })
}

/** torch.optim.SGD in double precision. */
function sgdReference(momentum: number) {
  return START.map((start, i) => {
    let [p, b] = [start, 0]
    GRADIENTS.forEach((gradient, step) => {
      const g = (gradient[i] as number) + DECAY * p
      b = step === 0 ? g : momentum * b + g
      p -= LR * (momentum === 0 ? g : b)
    })
    return p
  })
}

describe('AdamW', () => {
  it.each([
    [0.9, 0.999, 1e-8],
    [0.8, 0.95, 1e-3],
  ])('with betas %f, %f and eps %f is that of PyTorch', async (beta1, beta2, eps) => {
    const w = parameter('w')
    const optimizer = new AdamW([{ parameters: [w] }], { beta1, beta2, eps, weightDecay: DECAY })
    expectClose(await run(optimizer, w), adamwReference(beta1, beta2, eps))
  })

  it('multiplies the learning rate of a group', async () => {
    const [plain, twice] = [parameter('plain'), parameter('twice')]
    const gradients = GRADIENTS.slice(0, 1)
    const before = await run(new AdamW([{ parameters: [plain] }]), plain, gradients)
    const after = await run(new AdamW([{ parameters: [twice], lrMultiplier: 2 }]), twice, gradients)
    expectClose(
      after.map((value, i) => value - (START[i] as number)),
      before.map((value, i) => 2 * (value - (START[i] as number))),
    )
  })

  it('goes on from a saved state with the same bits', async () => {
    const [whole, parts] = [parameter('w'), parameter('w')]
    const expected = await run(new AdamW([{ parameters: [whole] }]), whole)
    const first = new AdamW([{ parameters: [parts] }])
    await run(first, parts, GRADIENTS.slice(0, 2))
    const second = new AdamW([{ parameters: [parts] }])
    second.load(first.state())
    expect(await run(second, parts, GRADIENTS.slice(2))).toEqual(expected)
  })

  it('refuses a state of other parameters', () => {
    const first = new AdamW([{ parameters: [parameter('w')] }])
    const second = new AdamW([{ parameters: [parameter('u')] }])
    made.push(first, second)
    expect(() => second.load(first.state())).toThrow(/'u\.m' must be float32 \[4\]; got nothing/)
  })

  it('refuses a state without its step count, which would begin anew', () => {
    const own = parameter('w')
    const [first, second] = [new AdamW([{ parameters: [own] }]), new AdamW([{ parameters: [own] }])]
    made.push(first, second)
    const { tensors } = first.state()
    expect(() => second.load({ tensors, steps: {} })).toThrow(
      /the steps of 'w' must be a whole number from 0 up; got nothing/,
    )
  })
})

describe('Sgd', () => {
  it.each([0, 0.9])('with momentum %f is that of PyTorch', async (momentum) => {
    const w = parameter('w')
    const optimizer = new Sgd([{ parameters: [w] }], { momentum, weightDecay: DECAY })
    expectClose(await run(optimizer, w), sgdReference(momentum))
  })
})

describe('decayGroups', () => {
  it('leaves biases and norms without decay', () => {
    const names = [
      'model.embed_tokens.weight',
      'model.layers.0.self_attn.q_proj.weight',
      'model.layers.0.self_attn.q_proj.bias',
      'model.layers.0.self_attn.q_norm.weight',
      'model.layers.0.input_layernorm.weight',
      'model.norm.weight',
    ]
    const groups = decayGroups(
      names.map((name) => parameter(name)),
      0.1,
    )
    expect(
      groups.map((group) => [group.weightDecay, group.parameters.map(({ name }) => name)]),
    ).toEqual([
      [0.1, names.slice(0, 2)],
      [0, names.slice(2)],
    ])
  })
})
