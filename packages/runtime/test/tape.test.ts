import { describe, expect, it } from 'vitest'
import { record } from '../src/autograd/tape.js'
import {
  add,
  backward,
  backwardInTurns,
  batchOf,
  type CausalLM,
  cast,
  checkpoint,
  createModel,
  dropout,
  isRecording,
  linear,
  mul,
  noGrad,
  parseConfig,
  randomState,
  reduceSum,
  scale,
  scope,
  setRandomState,
  sumSquares,
  Tensor,
  type TokenBatch,
} from '../src/index.js'
import { native } from '../src/native.js'
import { leaf } from './finite-differences.js'
import { expectNoLeak } from './memory.js'

const config = parseConfig({
  model_type: 'qwen3',
  vocab_size: 40,
  hidden_size: 16,
  head_dim: 8,
  intermediate_size: 24,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  initializer_range: 0.2,
})

const batch: TokenBatch = {
  ...batchOf([
    [1, 2, 3, 4],
    [5, 6, 7],
  ]),
  targets: Int32Array.of(2, -100, 4, -100, 6, 7, -100),
}

function trainable(dtype: 'float32' | 'bfloat16' = 'float32'): CausalLM {
  const model = createModel(config, { seed: 2, dtype })
  for (const [, module] of model.modules()) module.setTrainable(true)
  return model
}

function step(model: CausalLM): void {
  scope(() => backward(model.loss(batch).loss))
}

async function gradients(model: CausalLM): Promise<Map<string, Float32Array>> {
  const read = new Map<string, Float32Array>()
  for (const [name, tensor] of model.parameters()) {
    if (tensor.grad !== undefined) read.set(name, (await tensor.grad.read()) as Float32Array)
    tensor.clearGrad()
  }
  return read
}

describe('backward', () => {
  it('reaches every parameter of a model and adds up over calls', async () => {
    const model = trainable()
    step(model)
    const once = await gradients(model)
    expect(new Set(once.keys())).toEqual(new Set([...model.parameters()].map(([name]) => name)))
    step(model)
    step(model)
    for (const [name, grad] of await gradients(model)) {
      const first = once.get(name) as Float32Array
      expect(grad).toEqual(first.map((value) => 2 * value))
    }
    model.dispose()
  })

  it('leaves frozen leaves without a gradient', () => {
    const [a, b] = [leaf([2, 2], 0), leaf([2, 2], 1)]
    b.requiresGrad = false
    scope(() => backward(reduceSum(mul(a, b))))
    expect(a.grad).toBeDefined()
    expect(b.grad).toBeUndefined()
    a.dispose()
    b.dispose()
  })

  it('never computes the gradient of a frozen weight', () => {
    const [x, w] = [leaf([3, 2], 0), leaf([4, 2], 1)]
    w.requiresGrad = false
    const calls = countCalls('linearDw', () => scope(() => backward(reduceSum(linear(x, w)))))
    expect(calls).toBe(0)
    x.dispose()
    w.dispose()
  })

  it('keeps gradients of two leaves apart when one gradient reaches both', async () => {
    const [a, b] = [leaf([2], 0), leaf([2], 1)]
    scope(() => backward(reduceSum(add(a, b))))
    scope(() => backward(reduceSum(scale(a, 2))))
    expect([...(await (a.grad as Tensor).read())]).toEqual([3, 3])
    expect([...(await (b.grad as Tensor).read())]).toEqual([1, 1])
    a.dispose()
    b.dispose()
  })

  it('gives a bfloat16 leaf a float32 gradient', async () => {
    const x = Tensor.from([1, 2], [2], 'bfloat16')
    x.requiresGrad = true
    scope(() => backward(reduceSum(cast(scale(x, 3), 'float32'))))
    expect([x.grad?.dtype, ...(await (x.grad as Tensor).read())]).toEqual(['float32', 3, 3])
    x.dispose()
  })

  it('refuses what has no tape, no single element, or a tape that was used', () => {
    const x = leaf([2], 0)
    scope(() => {
      expect(() => backward(x)).toThrow(/one element; got \[2\]/)
      expect(() => backward(Tensor.full([1], 1))).toThrow(/must depend on a tensor that requires/)
      expect(() => backward(noGrad(() => reduceSum(x)))).toThrow(/without a tape/)
      const y = mul(x, x)
      const loss = reduceSum(y)
      backward(loss)
      expect(() => backward(loss)).toThrow(/already used/)
      expect(() => backward(reduceSum(y))).toThrow(/already used/)
    })
    x.dispose()
  })

  it('restores the tape after noGrad, also when it throws', () => {
    expect(isRecording()).toBe(true)
    expect(() => noGrad(() => fail())).toThrow('no')
    expect(isRecording()).toBe(true)
    expect(noGrad(() => isRecording())).toBe(false)
    expect(() => noGrad(async () => 1)).toThrow(/noGrad: the callback must not be async/)
  })
})

describe('backwardInTurns', () => {
  /** An op whose backward holds the thread up for longer than a slice, or throws. */
  function slow(x: Tensor, fails = false): Tensor {
    const y = noGrad(() => scale(x, 2))
    record({
      inputs: [x],
      output: y,
      saved: [],
      backward: (dy) => {
        const end = performance.now() + 6
        while (performance.now() < end);
        if (fails) throw new RangeError('backward of this op')
        return [scale(dy, 2)]
      },
    })
    return y
  }

  it('gives the gradient of backward, and the event loop its turn between slow nodes', () =>
    expectNoLeak(async () => {
      using x = leaf([3], 1)
      using loss = scope(() => reduceSum(slow(slow(slow(x)))))
      let turns = 0
      const count = () => {
        turns++
        timer = setImmediate(count)
      }
      let timer = setImmediate(count)
      await backwardInTurns(loss)
      clearImmediate(timer)
      expect(turns).toBeGreaterThanOrEqual(2)
      expect([...(await x.grad!.read())]).toEqual([8, 8, 8])
    }))

  it('frees what is left of the tape where a node fails', () =>
    expectNoLeak(async () => {
      using x = leaf([3], 1)
      using loss = scope(() => reduceSum(slow(slow(slow(x), true))))
      await expect(backwardInTurns(loss)).rejects.toThrow('backward of this op')
    }))
})

describe('memory', () => {
  it('is back where it was after forward, after backward, and after a forward that nothing uses', async () => {
    const model = trainable()
    step(model)
    await gradients(model)
    await expectNoLeak(() => scope(() => void model.forward(batch)))
    await expectNoLeak(() => {
      const { loss } = model.loss(batch)
      loss.dispose()
    })
    await expectNoLeak(async () => {
      step(model)
      await gradients(model)
    })
    model.dispose()
  })

  it.each([false, true])(
    'is back where it was whichever allocation of a step fails, checkpointing %s',
    async (checkpointing) => {
      const model = trainable()
      model.gradientCheckpointing = checkpointing
      step(model)
      await gradients(model)
      let failures = 0
      await expectNoLeak(async () => {
        for (let n = 1; ; n++) {
          native().failAllocation(n)
          try {
            step(model)
            break
          } catch (error) {
            expect(error).toMatchObject({ code: 'ERR_LLFT_OUT_OF_MEMORY' })
            failures++
          } finally {
            native().failAllocation(0)
            for (const [, tensor] of model.parameters()) tensor.clearGrad()
          }
        }
      })
      expect(failures).toBeGreaterThan(100)
      model.dispose()
    },
  )
})

describe('checkpoint', () => {
  it.each(['float32', 'bfloat16'] as const)(
    'changes no bit of any gradient in %s',
    async (dtype) => {
      const model = trainable(dtype)
      step(model)
      const plain = await gradients(model)
      model.gradientCheckpointing = true
      step(model)
      expect(await gradients(model)).toEqual(plain)
      model.dispose()
    },
  )

  it('draws the same dropout masks again and leaves the stream where it was', async () => {
    const x = leaf([8, 8], 0)
    const block = (x: Tensor) => [dropout(mul(x, x), 0.5)] as const
    const run = async (forward: () => Tensor) => {
      setRandomState({ seed: 9, offset: 4 })
      scope(() => backward(reduceSum(mul(forward(), x))))
      const grad = (await (x.grad as Tensor).read()) as Float32Array
      x.clearGrad()
      return { grad, random: randomState() }
    }
    const plain = await run(() => block(x)[0])
    const recomputed = await run(() => checkpoint(block, [x])[0])
    expect(recomputed).toEqual(plain)
    x.dispose()
  })

  it('works where only a parameter inside wants a gradient, and not at all where nothing does', async () => {
    const [x, w] = [leaf([3, 2], 0), leaf([4, 2], 1)]
    x.requiresGrad = false
    const block = (x: Tensor) => [linear(x, w)] as const
    scope(() => backward(reduceSum(checkpoint(block, [x])[0])))
    expect(w.grad?.shape).toEqual([4, 2])
    expect(x.grad).toBeUndefined()
    w.requiresGrad = false
    scope(() =>
      expect(() => backward(reduceSum(checkpoint(block, [x])[0]))).toThrow(/without a tape/),
    )
    x.dispose()
    w.dispose()
  })

  it('keeps less than the plain forward', async () => {
    const model = trainable()
    const bytes = (checkpointing: boolean) => {
      model.gradientCheckpointing = checkpointing
      const before = native().memoryStats().bytesInUse
      const { loss } = model.loss(batch)
      const held = native().memoryStats().bytesInUse - before
      loss.dispose()
      return held
    }
    bytes(false)
    expect(bytes(true)).toBeLessThan(bytes(false) / 2)
    model.dispose()
  })
})

describe('sumSquares', () => {
  it('adds over tensors', async () => {
    const xs = [leaf([3], 0), leaf([2, 2], 1)]
    using sum = sumSquares(xs)
    let expected = 0
    for (const x of xs) for (const value of await x.read()) expected += value * value
    expect(await sum.item()).toBeCloseTo(expected, 5)
    for (const x of xs) x.dispose()
  })
})

function fail(): never {
  throw new Error('no')
}

/** How often the addon's function `name` is called in `fn`. */
function countCalls(name: 'linearDw', fn: () => void): number {
  const addon = native()
  const original = addon[name]
  let calls = 0
  addon[name] = (...args: Parameters<typeof original>) => {
    calls++
    return original(...args)
  }
  try {
    fn()
  } finally {
    addon[name] = original
  }
  return calls
}
