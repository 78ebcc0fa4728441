// Single ops of ours, one round per line of standard input: the protocol of baselines/torch_ops.py.
import { QuantizedWeight, quantizationConfig } from '@llft/quant'
import {
  attention,
  backward,
  DenseWeight,
  type LinearWeight,
  linearDw,
  scope,
  synchronize,
  Tensor,
} from '@llft/runtime'
import { prepareMemory } from './memory-ops.js'
import type { AttentionCase, LinearCase, OpRequest } from './ops-case.js'
import { dropped, type Prepared, received } from './prepared-op.js'
import { serveRounds } from './worker.js'

/** Of a round: long enough that waiting for the end does not count. */
const ROUND_SECONDS = 0.2

/** The case of the last round, which is that of the next one mostly. */
let current: { key: string; prepared: Prepared; repeats: number } | undefined

const { weight } = JSON.parse(process.argv[2] ?? '{}') as Partial<LinearCase>
await serveRounds({}, (line) => round({ ...(line as OpRequest), ...(weight && { weight }) }))

async function round(request: OpRequest): Promise<{ work: number; seconds: number }> {
  const key = JSON.stringify(request)
  if (current?.key !== key) {
    for (const operand of current?.prepared.operands ?? []) operand.dispose()
    current = undefined
    const prepared = prepare(request)
    await timed(prepared, 1)
    const seconds = await timed(prepared, 1)
    current = { key, prepared, repeats: Math.ceil(ROUND_SECONDS / seconds) }
  }
  const { prepared, repeats } = current
  return { work: repeats * request.work, seconds: await timed(prepared, repeats) }
}

function prepare(request: OpRequest): Prepared {
  if (request.op === 'linear') return prepareLinear(request)
  return request.op === 'attention' ? prepareAttention(request) : prepareMemory(request)
}

async function timed({ once }: Prepared, repeats: number): Promise<number> {
  const start = performance.now()
  for (let i = 0; i < repeats; i++) scope(once)
  await synchronize()
  return (performance.now() - start) / 1000
}

function prepareLinear({ product, rows, out, into, dtype, weight }: LinearCase): Prepared {
  const x = random([rows, into], dtype)
  const dy = random([rows, out], dtype)
  const w = linearWeight([out, into], dtype, weight)
  const products = {
    y: () => void w.forward(x, {}),
    dx: () => void w.dx(dy, 1),
    dw: () => void linearDw(dy, x, 1),
  }
  return { once: products[product], operands: [x, dy, w] }
}

function linearWeight(
  shape: readonly number[],
  dtype: LinearCase['dtype'],
  form: LinearCase['weight'],
): LinearWeight {
  const floats = random(shape, dtype)
  if (form === 'dense') return new DenseWeight(floats)
  const weight = QuantizedWeight.quantize(floats, quantizationConfig(form))
  floats.dispose()
  return weight
}

function prepareAttention(op: AttentionCase): Prepared {
  const { sequences, tokens, heads, kvHeads, width, window, dtype } = op
  const operand = (count: number): Tensor => random([sequences * tokens, count, width], dtype)
  const [q, k, v, dy] = [operand(heads), operand(kvHeads), operand(kvHeads), operand(heads)]
  const starts = Array.from({ length: sequences }, (_, sequence) => sequence * tokens)
  const options = { segments: starts.flatMap((start) => [start, tokens, start, tokens]), window }
  for (const leaf of [q, k, v]) leaf.requiresGrad = op.backward
  const once = op.backward
    ? () => backward(received(attention(dropped(q), dropped(k), dropped(v), options), dy))
    : () => void attention(q, k, v, options)
  return { once, operands: [q, k, v, dy] }
}

function random(shape: readonly number[], dtype: LinearCase['dtype']): Tensor {
  return Tensor.normal(shape, { seed: shape.length, dtype })
}
