import { LlftError } from '@llft/native'

export {
  DeviceError,
  DisposedError,
  DtypeError,
  LlftError,
  NativeLoadError,
  OutOfMemoryError,
  ShapeError,
} from '@llft/native'

/** A file does not hold what its format or its configuration says: `ERR_LLFT_FORMAT`. */
export class FormatError extends LlftError {
  constructor(message: string) {
    super('ERR_LLFT_FORMAT', message)
  }
}

/** A configuration that is not valid or not supported: `ERR_LLFT_CONFIG`. */
export class ConfigError extends LlftError {
  constructor(message: string) {
    super('ERR_LLFT_CONFIG', message)
  }
}

/** Data that does not fit its use, such as a prompt longer than the context: `ERR_LLFT_DATA`. */
export class DataError extends LlftError {
  constructor(message: string) {
    super('ERR_LLFT_DATA', message)
  }
}

/** The caller's AbortSignal stopped the work: `ERR_LLFT_ABORTED`. */
export class AbortedError extends LlftError {
  constructor(message: string) {
    super('ERR_LLFT_ABORTED', message)
  }
}
