import { measureOps, type NamedOp, PYTORCH } from './measure-ops.js'
import { LLAMA_1B, type ModelShape, SMOLLM2_135M, shapeOf } from './model-shape.js'
import { type LinearCase, linearSizes } from './ops-case.js'
import { Peer } from './peer.js'
import type { BenchOptions, Result } from './result.js'

/** Tokens of a step of the training benches. */
const ROWS = 1024
/** The rows of the output head that are in memory at a time. */
const LOGIT_ROWS = 256

const MODELS: [name: string, shape: ModelShape][] = [
  ['SmolLM2-135M', shapeOf(SMOLLM2_135M)],
  ['Llama-1.1B', shapeOf(LLAMA_1B)],
]

/** The matrix products of training, and those of weights in codes beside ours of floats. */
export async function gemm(options: BenchOptions): Promise<Result[]> {
  const { baseline } = options
  const dense = await measureOps('gemm', denseProducts(), baseline ? PYTORCH : undefined, options)
  const ours = { name: 'LLFT bf16', start: () => Peer.ours('ops-worker.js', { weight: 'dense' }) }
  return [...dense, ...(await measureOps('gemm', quantizedProducts(), ours, options))]
}

function denseProducts(): NamedOp[] {
  const dtypes = ['bfloat16', 'float32'] as const
  return dtypes.flatMap((dtype) =>
    layers().flatMap(([layer, rows, out, into]) =>
      (['y', 'dx', 'dw'] as const).map((product) =>
        named(layer, { product, rows, out, into, dtype, weight: 'dense' }),
      ),
    ),
  )
}

/** The head stays in floats, and a frozen weight needs no dw. */
function quantizedProducts(): NamedOp[] {
  const blocks = layers().filter(([, rows]) => rows === ROWS)
  return (['nf4', 'int8'] as const).flatMap((weight) =>
    blocks.flatMap(([layer, rows, out, into]) =>
      (['y', 'dx'] as const).map((product) =>
        named(layer, { product, rows, out, into, dtype: 'bfloat16', weight }),
      ),
    ),
  )
}

function layers(): [name: string, rows: number, out: number, into: number][] {
  const blocks = MODELS.flatMap(([model, shape]) =>
    linearSizes(shape).map(([layer, out, into]): [string, number, number, number] => [
      `${model} ${layer}`,
      ROWS,
      out,
      into,
    ]),
  )
  const { vocabulary, width } = shapeOf(SMOLLM2_135M)
  return [...blocks, ['SmolLM2-135M logits', LOGIT_ROWS, vocabulary, width]]
}

const SHORT = { bfloat16: 'bf16', float32: 'f32' } as const

function named(layer: string, linear: Omit<LinearCase, 'op'>): NamedOp {
  const { product, rows, out, into, dtype, weight } = linear
  const type = weight === 'dense' ? SHORT[dtype] : weight
  return {
    name: `${type} ${layer} ${out}x${into} ${rows} rows ${product}`,
    op: { op: 'linear', ...linear },
  }
}
