export {
  AbortedError,
  ConfigError,
  DataError,
  DeviceError,
  DisposedError,
  DtypeError,
  FormatError,
  LlftError,
  NativeLoadError,
  OutOfMemoryError,
  ShapeError,
} from '@llft/native'
