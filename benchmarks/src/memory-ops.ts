// The operands and calls of the kernels that memory bounds.
import {
  accumulate,
  adamwStep,
  add,
  addRmsNorm,
  backward,
  cast,
  dropout,
  embedding,
  mul,
  rmsNorm,
  rope,
  scale,
  swiglu,
  Tensor,
} from '@llft/runtime'
import type { FloatType } from './float-type.js'
import {
  MEMORY_COLUMNS,
  MEMORY_ROWS,
  type MemoryCase,
  type MemoryKernel,
  otherType,
} from './memory-case.js'
import { dropped, type Prepared, received } from './prepared-op.js'

const HEAD_WIDTH = 64
const POSITIONS = 2048
const VOCABULARY = 32000
const EPSILON = 1e-5

/** Makes operands and remembers them; each kernel takes what it needs. */
class Operands {
  readonly all: Tensor[] = []

  constructor(readonly dtype: FloatType) {}

  kept(tensor: Tensor): Tensor {
    this.all.push(tensor)
    return tensor
  }

  /** [rows, columns] of the case's type. */
  matrix(dtype: FloatType = this.dtype, rows = MEMORY_ROWS): Tensor {
    const seed = this.all.length + 1
    return this.kept(Tensor.normal([rows, MEMORY_COLUMNS], { seed, dtype }))
  }

  /** One element for each column. */
  vector(): Tensor {
    return this.kept(Tensor.full([MEMORY_COLUMNS], 1, this.dtype))
  }

  /** One integer for each row, below `end`. */
  indices(end: number): Tensor {
    const values = Int32Array.from({ length: MEMORY_ROWS }, (_, i) => (i * 7919) % end)
    return this.kept(Tensor.from(values))
  }

  leaf(): Tensor {
    const x = this.matrix()
    x.requiresGrad = true
    return x
  }
}

const KERNELS: Record<MemoryKernel, (operands: Operands) => () => void> = {
  add: binary(add),
  mul: binary(mul),
  scale: unary((x) => scale(x, 0.5)),
  accumulate: (made) => {
    const [dst, src] = [made.matrix('float32'), made.matrix()]
    return () => accumulate(dst, src)
  },
  convert: unary((x) => cast(x, otherType(x.dtype as FloatType))),
  'rmsNorm forward': (made) => {
    const [x, weight] = [made.matrix(), made.vector()]
    return () => void rmsNorm(x, weight, EPSILON)
  },
  'rmsNorm forward + backward': (made) => {
    const [x, weight, dy] = [made.leaf(), made.vector(), made.matrix()]
    return () => backward(received(rmsNorm(dropped(x), weight, EPSILON), dy))
  },
  'addRmsNorm forward': (made) => {
    const [x, residual, weight] = [made.matrix(), made.matrix('float32'), made.vector()]
    return () => void addRmsNorm(x, residual, weight, EPSILON)
  },
  'swiglu forward': binary(swiglu),
  'swiglu forward + backward': (made) => {
    const [gate, up, dy] = [made.leaf(), made.leaf(), made.matrix()]
    return () => backward(received(swiglu(dropped(gate), dropped(up)), dy))
  },
  rope: rotated,
  dropout: unary((x) => dropout(x, 0.1)),
  embedding: (made) => {
    const [weight, ids] = [made.matrix(made.dtype, VOCABULARY), made.indices(VOCABULARY)]
    return () => void embedding(weight, ids)
  },
  'adamw step': stepped,
}

export function prepareMemory({ kernel, dtype }: MemoryCase): Prepared {
  const operands = new Operands(dtype)
  return { once: KERNELS[kernel](operands), operands: operands.all }
}

function unary(op: (x: Tensor) => Tensor): (made: Operands) => () => void {
  return (made) => {
    const x = made.matrix()
    return () => void op(x)
  }
}

function binary(op: (a: Tensor, b: Tensor) => Tensor): (made: Operands) => () => void {
  return (made) => {
    const [a, b] = [made.matrix(), made.matrix()]
    return () => void op(a, b)
  }
}

function rotated(made: Operands): () => void {
  const shape = [MEMORY_ROWS, MEMORY_COLUMNS / HEAD_WIDTH, HEAD_WIDTH]
  const x = made.kept(Tensor.normal(shape, { seed: 1, dtype: made.dtype }))
  const table = (): Tensor => made.kept(Tensor.full([POSITIONS, HEAD_WIDTH / 2], Math.SQRT1_2))
  const tables = { cosines: table(), sines: table() }
  const positions = made.indices(POSITIONS)
  return () => void rope(x, tables, positions)
}

function stepped(made: Operands): () => void {
  const [param, grad] = [made.matrix('float32'), made.matrix('float32')]
  const [m, v] = [0, 0].map((zero) => made.kept(Tensor.full(param.shape, zero)))
  const gradFactor = made.kept(Tensor.full([1], 1))
  const options = { lr: 1e-4, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, step: 1 }
  return () => adamwStep({ param, grad, m: m!, v: v!, gradFactor }, options)
}
