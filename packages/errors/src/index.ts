export { closestName } from './closest-name.js'
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
  SaveError,
  ShapeError,
} from './errors.js'
export { shown } from './shown.js'
export { suggestion, unknownOption } from './unknown-option.js'
export {
  formatWarning,
  guardHandler,
  type LlftWarning,
  type WarningCode,
  type WarningHandler,
  Warnings,
} from './warnings.js'
