/**
 * The typed contract of the native addon: nothing else describes it.
 *
 * Op signatures mirror `native/src/core/ops.h`, where shapes, dtypes and formulas are documented once.
 * Ops check their arguments, throw an `LlftError` subclass at once where they do not hold, and return before
 * the kernel has run; an error inside a kernel rejects the next `synchronize` or `read`.
 */

/** A tensor in the native handle table: index and generation tag in one safe integer. A stale one throws DisposedError. */
export type Handle = number & { readonly __tensor: unique symbol }

/** Element types. float16 is for storage only: `cast` it before use. */
export type DType = 'float32' | 'bfloat16' | 'float16' | 'int32' | 'uint8' | 'int8'

/** A memory-mapped, read-only file. */
export type Mapping = number & { readonly __mapping: unique symbol }

/** Blocks of GGUF by ggml's names; `native/src/core/blocks.h` has layouts and formulas. */
export type BlockFormat =
  | 'Q4_0'
  | 'Q4_1'
  | 'Q5_0'
  | 'Q5_1'
  | 'Q8_0'
  | 'Q2_K'
  | 'Q3_K'
  | 'Q4_K'
  | 'Q5_K'
  | 'Q6_K'
  | 'IQ4_NL'
  | 'IQ4_XS'
  | 'MXFP4'

/** The formats of bitsandbytes; `native/src/core/quantized.h` has the formulas. */
export type QuantFormat = 'nf4' | 'fp4' | 'int8'

/** A matrix [rows, columns] in codes, by handles. */
export interface QuantizedHandles {
  format: QuantFormat | BlockFormat
  rows: number
  columns: number
  /** Elements that share an absmax; of no meaning for int8 and of blocks of GGUF. */
  block: number
  codes: Handle
  /** Absent of blocks of GGUF. */
  absmax: Handle | null
  nestedAbsmax: Handle | null
  offset: Handle | null
}

/** The numbers of one step of AdamW as torch.optim.AdamW; `step` counts from 1. */
export interface AdamwRates {
  lr: number
  beta1: number
  beta2: number
  eps: number
  weightDecay: number
  step: number
}

/** Of Lion. */
export interface LionRates {
  lr: number
  beta1: number
  beta2: number
  weightDecay: number
}

/** Of Adafactor as transformers.Adafactor. */
export interface AdafactorRates {
  lr: number
  beta1: number
  /** Of this step. */
  beta2: number
  eps1: number
  eps2: number
  clipThreshold: number
  scaleParameter: boolean
  weightDecay: number
}

/** Of SGD as torch.optim.SGD without Nesterov; `step` counts from 1. */
export interface SgdRates {
  lr: number
  momentum: number
  weightDecay: number
  step: number
}

/** Counters of one addon instance; bytes are of tensor storage and exclude mapped files. */
export interface MemoryStats {
  /** Live handles of this environment. */
  handles: number
  /** Bytes in use by live storages of the process. */
  bytesInUse: number
  /** Largest `bytesInUse` since start or `resetPeakMemory`. */
  peakBytes: number
  /** Bytes that the allocator keeps for reuse. */
  cachedBytes: number
  /** Largest `bytesInUse + cachedBytes` since start or `resetPeakMemory`. */
  peakFootprintBytes: number
}

export interface DeviceInfo {
  /** Chosen kernels: avx512bf16, avx512, avx2, neon or portable. */
  isa: string
  /** Every instruction set that this build has and this machine can run, best first. */
  isas: string[]
  threads: number
}

/** Creates the Error that the addon throws for a code such as `ERR_LLFT_SHAPE`. */
export type ErrorFactory = (code: string, message: string) => Error

/** One op that ran: seconds on a clock of its own, floating-point operations, and bytes of operands. */
export type ProfileEvent = [
  op: string,
  begin: number,
  end: number,
  flops: number,
  bytes: number,
  isBfloat16: boolean,
]

export interface Addon {
  // ---- lifecycle -----------------------------------------------------------------------------------
  setErrorFactory(factory: ErrorFactory): void
  deviceInfo(): DeviceInfo
  /** Resolves when everything enqueued so far has run; errors reach those who read what failed. */
  synchronize(): Promise<void>
  memoryStats(): MemoryStats
  /** From the next op on, each is recorded. */
  startProfile(): void
  /** Ends the recording: the ops that have ended, in the order in which they ran. */
  takeProfile(): ProfileEvent[]
  /** float32 [3]: FLOP/s in float32 and in bfloat16, bytes/s read, measured when the stream has come this far. */
  machinePeak(): Handle
  resetPeakMemory(): void
  /** Gives cached blocks back to the operating system. */
  trimMemory(): void
  /** Makes the `n`-th allocation from now throw OutOfMemoryError (tests); 0 switches it off. */
  failAllocation(n: number): void
  /** From here to `endDryRun`, this thread's ops allocate addresses without memory and enqueue nothing. */
  beginDryRun(): void
  endDryRun(): void

  // ---- handles -------------------------------------------------------------------------------------
  /** A second handle on the same storage. */
  retain(x: Handle): Handle
  release(x: Handle): void
  isAlive(x: Handle): boolean
  shapeOf(x: Handle): number[]
  dtypeOf(x: Handle): DType
  /** Whether the storage is a mapped file, which ops must not write. */
  isReadOnly(x: Handle): boolean

  // ---- host data -----------------------------------------------------------------------------------
  /** Copies `data` (bytes in the dtype's layout) before it returns. */
  fromBytes(data: Uint8Array, dtype: DType, shape: readonly number[]): Handle
  /** The bytes of the tensor, once the stream has come this far. */
  read(x: Handle): Promise<ArrayBuffer>
  mapFile(path: string): Mapping
  unmapFile(mapping: Mapping): void
  /** A tensor on a range of the file, without a copy unless the offset is not aligned to the dtype. */
  fromMapping(mapping: Mapping, byteOffset: number, dtype: DType, shape: readonly number[]): Handle
  /** In a dry run: what `fromMapping` would give, without a file. */
  planMapping(dtype: DType, shape: readonly number[], writable: boolean): Handle
  /** A writable file of zeros in `folder`, without a name, that lives as long as its tensors. */
  createSpill(folder: string, bytes: number): Mapping
  /** Lets the system take the memory of a tensor that lies in a file; its values stay. Nothing for other tensors. */
  releasePages(x: Handle): void

  // ---- creation and movement -----------------------------------------------------------------------
  empty(dtype: DType, shape: readonly number[]): Handle
  fill(x: Handle, value: number): void
  fillUniform(x: Handle, low: number, high: number, seed: number, offset: number): void
  fillNormal(x: Handle, mean: number, std: number, seed: number, offset: number): void
  cast(x: Handle, dtype: DType): Handle
  copy(src: Handle, dst: Handle): void
  view(x: Handle, shape: readonly number[]): Handle
  sliceRows(x: Handle, start: number, count: number): Handle
  sliceColumns(x: Handle, start: number, count: number): Handle
  concatColumns(parts: readonly Handle[]): Handle
  gatherRows(x: Handle, rows: Handle): Handle
  scatterRows(src: Handle, rows: Handle, dst: Handle): void
  scatterAddRows(src: Handle, rows: Handle, count: number): Handle

  // ---- elementwise and reductions ------------------------------------------------------------------
  add(a: Handle, b: Handle): Handle
  mul(a: Handle, b: Handle): Handle
  scale(x: Handle, factor: number): Handle
  accumulate(dst: Handle, src: Handle): void
  mulColumns(x: Handle, v: Handle): Handle
  mulColumnsDv(dy: Handle, x: Handle): Handle
  sumRows(x: Handle): Handle
  reduceSum(x: Handle): Handle
  sumSquares(xs: readonly Handle[]): Handle
  rowNorms(x: Handle): Handle
  dropout(x: Handle, p: number, seed: number, offset: number): Handle

  // ---- transformer ---------------------------------------------------------------------------------
  embedding(weight: Handle, ids: Handle): Handle
  embeddingBackward(dy: Handle, ids: Handle, vocabulary: number): Handle
  linear(
    x: Handle,
    w: Handle,
    bias: Handle | null,
    h: Handle | null,
    b: Handle | null,
    scale: number,
    outDtype: DType,
  ): Handle
  linearDx(dy: Handle, w: Handle, factor: number, dh: Handle | null, a: Handle | null): Handle
  linearDw(dy: Handle, x: Handle, factor: number): Handle
  quantize4bit(x: Handle, format: QuantFormat, block: number): [codes: Handle, absmax: Handle]
  quantizeInt8(x: Handle): [codes: Handle, absmax: Handle]
  quantizeBlocks(x: Handle, format: BlockFormat, importance: Handle | null): Handle
  quantize8bit(
    x: Handle,
    signed: boolean,
    block: number,
    subtractMean: boolean,
  ): [codes: Handle, absmax: Handle, offset: Handle | null]
  dequantize8bit(
    codes: Handle,
    absmax: Handle,
    offset: Handle | null,
    signed: boolean,
    block: number,
  ): Handle
  dequantizeRows(w: QuantizedHandles, start: number, count: number, dtype: DType): Handle
  embeddingQuantized(w: QuantizedHandles, ids: Handle, dtype: DType): Handle
  linearQuantized(
    x: Handle,
    w: QuantizedHandles,
    bias: Handle | null,
    h: Handle | null,
    b: Handle | null,
    scale: number,
    outDtype: DType,
    fixedPoint: boolean,
  ): Handle
  linearQuantizedDx(
    dy: Handle,
    w: QuantizedHandles,
    factor: number,
    dh: Handle | null,
    a: Handle | null,
  ): Handle
  rmsNorm(
    x: Handle,
    residual: Handle | null,
    weight: Handle,
    eps: number,
  ): [y: Handle, sum: Handle | null, rstd: Handle]
  rmsNormBackward(
    dy: Handle,
    x: Handle,
    weight: Handle,
    rstd: Handle,
    dsum: Handle | null,
    wantDweight: boolean,
  ): [dx: Handle, dweight: Handle | null]
  rope(x: Handle, cosines: Handle, sines: Handle, positions: Handle, inverse: boolean): Handle
  attention(
    q: Handle,
    k: Handle,
    v: Handle,
    segments: readonly number[],
    scale: number,
    window: number,
  ): [o: Handle, lse: Handle]
  attentionBackward(
    dout: Handle,
    q: Handle,
    k: Handle,
    v: Handle,
    o: Handle,
    lse: Handle,
    segments: readonly number[],
    scale: number,
    window: number,
  ): [dq: Handle, dk: Handle, dv: Handle]
  swiglu(gate: Handle, up: Handle): Handle
  swigluBackward(dy: Handle, gate: Handle, up: Handle): [dgate: Handle, dup: Handle]

  // ---- losses --------------------------------------------------------------------------------------
  linearCrossEntropy(
    x: Handle,
    w: Handle,
    labels: Handle,
    smoothing: number,
    wantDx: boolean,
    wantDw: boolean,
  ): [loss: Handle, dx: Handle | null, dw: Handle | null]
  crossEntropy(
    logits: Handle,
    labels: Handle,
    smoothing: number,
    wantDlogits: boolean,
  ): [loss: Handle, dlogits: Handle | null]

  // ---- optimisers ----------------------------------------------------------------------------------
  clipFactor(sumSquares: Handle, count: number, maxNorm: number): [factor: Handle, norm: Handle]
  adamwStep(
    param: Handle,
    grad: Handle,
    m: Handle,
    v: Handle,
    gradFactor: Handle,
    rates: AdamwRates,
  ): void
  adamw8bitStep(
    param: Handle,
    grad: Handle,
    m: Handle,
    v: Handle,
    mAbsmax: Handle,
    vAbsmax: Handle,
    gradFactor: Handle,
    rates: AdamwRates,
  ): void
  lionStep(param: Handle, grad: Handle, m: Handle, gradFactor: Handle, rates: LionRates): void
  adafactorStep(
    param: Handle,
    grad: Handle,
    row: Handle | null,
    column: Handle | null,
    v: Handle | null,
    m: Handle | null,
    gradFactor: Handle,
    rates: AdafactorRates,
  ): void
  sgdStep(
    param: Handle,
    grad: Handle,
    momentumBuffer: Handle | null,
    gradFactor: Handle,
    rates: SgdRates,
  ): void

  // ---- sampling ------------------------------------------------------------------------------------
  sample(
    logits: Handle,
    temperature: number,
    topK: number,
    topP: number,
    minP: number,
    seeds: readonly number[],
    step: number,
  ): Handle
}
