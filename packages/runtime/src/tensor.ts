import { DisposedError, ShapeError } from '@llft/errors'
import type { DType, Handle } from '@llft/native'
import type { Variable } from './autograd/variable.js'
import { bytesOf, type HostArray, type HostData, hostArray } from './host-data.js'
import { native } from './native.js'
import { currentScope, type Scoped } from './scope.js'

/** Tensors that no scope frees. */
const unowned = new FinalizationRegistry<Handle>((handle) => {
  if (native().isAlive(handle)) native().release(handle)
})

/**
 * A contiguous, row-major array in native memory, named by one integer handle.
 *
 * Its memory is freed by `dispose`, by the end of the `scope` in which it was made, or by `using`; the garbage
 * collector is only the safety net. Ops on it return at once; `read`, `item` and `synchronize` wait.
 */
export class Tensor implements Disposable, Scoped {
  /** What backward knows of this tensor; internal to the tape. */
  variable: Variable<Tensor> | undefined
  /** Whether another handle may name the same memory, so that it must not be written in place. */
  aliased = false
  /** Value of every element of a gradient that the host knows, so that multiplying by 1 costs nothing. */
  constant: number | undefined
  /** Gradient that `backward` left on this leaf: float32, of the same shape. Owned by the tensor. */
  grad: Tensor | undefined
  #handle: Handle | undefined
  #shape: readonly number[] | undefined
  #dtype: DType | undefined
  #requiresGrad = false
  #scope: Set<Scoped> | undefined
  #watched = false

  /** Takes ownership of `handle`. The tensor belongs to the running scope. */
  constructor(handle: Handle) {
    this.#handle = handle
    this.moveToScope(currentScope())
  }

  /** Copies host data. float32, int32 and int8/uint8 take their typed arrays or numbers; bfloat16 rounds to nearest even. */
  static from(data: HostData, shape: readonly number[] = [data.length], dtype?: DType): Tensor {
    const type = dtype ?? (data instanceof Int32Array ? 'int32' : 'float32')
    const count = shape.reduce((product, size) => product * size, 1)
    if (count !== data.length) {
      throw new ShapeError(
        `Tensor.from: shape [${shape.join(', ')}] must hold as many elements as the data; got ${data.length}.`,
      )
    }
    return new Tensor(native().fromBytes(bytesOf(data, type), type, shape))
  }

  /** Copies bytes that are in the dtype's own layout, such as those of a safetensors file. */
  static fromBytes(bytes: Uint8Array, dtype: DType, shape: readonly number[]): Tensor {
    return new Tensor(native().fromBytes(bytes, dtype, shape))
  }

  /** Uninitialised memory. */
  static empty(shape: readonly number[], dtype: DType = 'float32'): Tensor {
    return new Tensor(native().empty(dtype, shape))
  }

  static full(shape: readonly number[], value: number, dtype: DType = 'float32'): Tensor {
    const tensor = Tensor.empty(shape, dtype)
    native().fill(tensor.handle, value)
    return tensor
  }

  static zeros(shape: readonly number[], dtype: DType = 'float32'): Tensor {
    return Tensor.full(shape, 0, dtype)
  }

  /** Uniform in [low, high), drawn from Philox(seed) starting at counter `offset` (default 0). */
  static uniform(shape: readonly number[], options: UniformOptions): Tensor {
    const tensor = Tensor.empty(shape, options.dtype ?? 'float32')
    const { low = 0, high = 1, seed, offset = 0 } = options
    native().fillUniform(tensor.handle, low, high, seed, offset)
    return tensor
  }

  /** Normal, drawn from Philox(seed) starting at counter `offset` (default 0). */
  static normal(shape: readonly number[], options: NormalOptions): Tensor {
    const tensor = Tensor.empty(shape, options.dtype ?? 'float32')
    const { mean = 0, std = 1, seed, offset = 0 } = options
    native().fillNormal(tensor.handle, mean, std, seed, offset)
    return tensor
  }

  /** The handle, for `ops/*.ts` alone. @throws DisposedError once the tensor is disposed of. */
  get handle(): Handle {
    if (this.#handle === undefined) {
      const shape = this.#shape === undefined ? '' : ` of shape [${this.#shape.join(', ')}]`
      throw new DisposedError(`Tensor: must be alive where it is used; got a disposed one${shape}.`)
    }
    return this.#handle
  }

  get shape(): readonly number[] {
    this.#shape ??= Object.freeze(native().shapeOf(this.handle))
    return this.#shape
  }

  get dtype(): DType {
    this.#dtype ??= native().dtypeOf(this.handle)
    return this.#dtype
  }

  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((product, size) => product * size, 1)
  }

  get disposed(): boolean {
    return this.#handle === undefined
  }

  /** A leaf of the tape: `backward` leaves its gradient in `grad`. Default false. */
  get requiresGrad(): boolean {
    return this.#requiresGrad
  }

  set requiresGrad(value: boolean) {
    this.#requiresGrad = value
  }

  /** A second tensor on the same memory, outside of the tape. */
  retain(): Tensor {
    const second = new Tensor(native().retain(this.handle))
    second.#shape = this.#shape
    second.#dtype = this.#dtype
    second.constant = this.constant
    second.aliased = true
    this.aliased = true
    return second
  }

  /** A copy on the host once the device has come this far. bfloat16 and float16 arrive as Float32Array. */
  async read(): Promise<HostArray> {
    const dtype = this.dtype
    return hostArray(await native().read(this.handle), dtype)
  }

  /** The bytes in the dtype's own layout, once the device has come this far. */
  readBytes(): Promise<ArrayBuffer> {
    return native().read(this.handle)
  }

  /** Whether the memory is a mapped file, which nothing may write. */
  get readOnly(): boolean {
    return native().isReadOnly(this.handle)
  }

  /** The value of a tensor of one element. */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new ShapeError(
        `item: the tensor must have one element; got [${this.shape.join(', ')}].`,
      )
    }
    const [value] = await this.read()
    return value as number
  }

  /** Frees `grad`. */
  clearGrad(): void {
    this.grad?.dispose()
    this.grad = undefined
  }

  /** Gives the memory back; the tape keeps what it saved. Does nothing the second time. */
  dispose(): void {
    if (this.#handle === undefined) return
    const handle = this.#handle
    this.#handle = undefined
    this.moveToScope(undefined)
    native().release(handle)
    this.clearGrad()
    const variable = this.variable
    this.variable = undefined
    variable?.release()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** Internal to `scope`: which one frees this tensor. */
  moveToScope(scope: Set<Scoped> | undefined): void {
    this.#scope?.delete(this)
    this.#scope = scope
    scope?.add(this)
    this.#watch(scope === undefined ? this.#handle : undefined)
  }

  /** Lets the garbage collector release `handle`; undefined: it is to do nothing any more. */
  #watch(handle: Handle | undefined): void {
    if (this.#watched) unowned.unregister(this)
    this.#watched = handle !== undefined
    if (handle !== undefined) unowned.register(this, handle, this)
  }
}

/** Range, type and counter of random numbers. */
export interface UniformOptions {
  /** Default 0. */
  low?: number | undefined
  /** Default 1. */
  high?: number | undefined
  seed: number
  offset?: number | undefined
  dtype?: DType | undefined
}

export interface NormalOptions {
  /** Default 0. */
  mean?: number | undefined
  /** Default 1. */
  std?: number | undefined
  seed: number
  offset?: number | undefined
  dtype?: DType | undefined
}
