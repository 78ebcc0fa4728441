export {
  AbortedError,
  ConfigError,
  closestName,
  DataError,
  DeviceError,
  DisposedError,
  DtypeError,
  FormatError,
  LlftError,
  NativeLoadError,
  OutOfMemoryError,
  SaveError,
  ShapeError,
} from '@llft/errors'
export * from './autograd/index.js'
export * from './checkpoint/index.js'
export {
  type BlockFormat,
  type DeviceInfo,
  type DryRun,
  type DryRunMark,
  type DType,
  deviceInfo,
  dryRun,
  type MemoryStats,
  measureMachinePeak,
  memoryStats,
  type QuantFormat,
  resetPeakMemory,
  synchronize,
  trimMemory,
} from './device.js'
export * from './generation/index.js'
export type { HostArray, HostData } from './host-data.js'
export type { MachinePeak } from './machine-peak.js'
export * from './models/index.js'
export * from './nn/index.js'
export * from './ops/index.js'
export { releasePages, spilledZeros } from './paged-tensors.js'
export { keep, scope, unscoped } from './scope.js'
export { type NormalOptions, Tensor, type UniformOptions } from './tensor.js'
export { type TensorSpec, tensorBytes } from './tensor-spec.js'
