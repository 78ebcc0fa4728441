import { FLOAT_TYPES, SHORT_TYPE } from './float-type.js'
import { measureOps, type NamedOp, type OpsPeer, pytorch } from './measure-ops.js'
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

/** Of adapters. */
const RANKS = [8, 16, 64]

/** The matrix products of training, and those of weights in codes beside ours of floats. */
export async function gemm(options: BenchOptions): Promise<Result[]> {
  const products = [...denseProducts(), ...adapterProducts()]
  const dense = await measureOps('gemm', products, pytorch(options), options)
  const ours: OpsPeer = {
    nameFor: () => 'LLFT bf16',
    start: () => Peer.ours('ops-worker.js', { weight: 'dense' }),
  }
  return [...dense, ...(await measureOps('gemm', quantizedProducts(), ours, options))]
}

function denseProducts(): NamedOp[] {
  return FLOAT_TYPES.flatMap((dtype) =>
    layers().flatMap(([layer, rows, out, into]) =>
      (['y', 'dx', 'dw'] as const).map((product) =>
        named(layer, { product, rows, out, into, dtype, weight: 'dense' }),
      ),
    ),
  )
}

/**
 * Products that are as narrow as an adapter's rank: with A [r, in] and B [out, r], h = x A^T and dh = dy B, and the
 * gradients dA = dh^T x and dB = dy^T h.
 */
function adapterProducts(): NamedOp[] {
  return FLOAT_TYPES.flatMap((dtype) =>
    MODELS.flatMap(([model, { width }]) =>
      RANKS.flatMap((rank) => {
        const a = { out: rank, into: width }
        const b = { out: width, into: rank }
        const products = [
          ['x A^T', { product: 'y', ...a }],
          ['dy B', { product: 'dx', ...b }],
          ['dA', { product: 'dw', ...a }],
          ['dB', { product: 'dw', ...b }],
        ] as const
        return products.map(([name, product]) => ({
          name: `${SHORT_TYPE[dtype]} ${model} q,o ${width} r${rank} ${ROWS} rows ${name}`,
          op: { op: 'linear', rows: ROWS, dtype, weight: 'dense', ...product } as const,
        }))
      }),
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

function named(layer: string, linear: Omit<LinearCase, 'op'>): NamedOp {
  const { product, rows, out, into, dtype, weight } = linear
  const type = weight === 'dense' ? SHORT_TYPE[dtype] : weight
  return {
    name: `${type} ${layer} ${out}x${into} ${rows} rows ${product}`,
    op: { op: 'linear', ...linear },
  }
}
