export {
  AbortedError,
  ConfigError,
  createError,
  DataError,
  DeviceError,
  DisposedError,
  DtypeError,
  FormatError,
  LlftError,
  NativeLoadError,
  OutOfMemoryError,
  ShapeError,
} from '@llft/errors'
export type {
  Addon,
  DeviceInfo,
  DType,
  ErrorFactory,
  Handle,
  Mapping,
  MemoryStats,
  ProfileEvent,
  QuantFormat,
  QuantizedHandles,
} from './addon.js'
export { loadAddon } from './loader.js'
