/** Base of every error that LLFT throws on purpose. `code` stays the same across versions; the text may not. */
export class LlftError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.name = new.target.name
  }
}

/** Shapes that do not fit an op: `ERR_LLFT_SHAPE`. */
export class ShapeError extends LlftError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LLFT_SHAPE', message, options)
  }
}

/** An element type that an op does not take: `ERR_LLFT_DTYPE`. */
export class DtypeError extends LlftError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LLFT_DTYPE', message, options)
  }
}

/** A computation on the device failed: `ERR_LLFT_DEVICE`. */
export class DeviceError extends LlftError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LLFT_DEVICE', message, options)
  }
}

/** Memory that could not be had: `ERR_LLFT_OUT_OF_MEMORY`. */
export class OutOfMemoryError extends LlftError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LLFT_OUT_OF_MEMORY', message, options)
  }
}

/** A tensor that was used after its memory was given back: `ERR_LLFT_DISPOSED`. */
export class DisposedError extends LlftError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LLFT_DISPOSED', message, options)
  }
}

/** The native addon could not be loaded; the text says what was tried and what to run: `ERR_LLFT_NATIVE_LOAD`. */
export class NativeLoadError extends LlftError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LLFT_NATIVE_LOAD', message, options)
  }
}

/** A file does not hold what its format or its configuration says: `ERR_LLFT_FORMAT`. */
export class FormatError extends LlftError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LLFT_FORMAT', message, options)
  }
}

/** An option, argument or environment variable that is not valid or not supported: `ERR_LLFT_CONFIG`. */
export class ConfigError extends LlftError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LLFT_CONFIG', message, options)
  }
}

/** Data that does not fit its use, such as a prompt longer than the context: `ERR_LLFT_DATA`. */
export class DataError extends LlftError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LLFT_DATA', message, options)
  }
}

/** The caller's AbortSignal stopped the work: `ERR_LLFT_ABORTED`. */
export class AbortedError extends LlftError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LLFT_ABORTED', message, options)
  }
}

/** A result that could not be written where it was to lie: `ERR_LLFT_SAVE`. The cause is the system's error. */
export class SaveError extends LlftError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_LLFT_SAVE', message, options)
  }
}

const CLASSES: Record<string, new (message: string) => LlftError> = {
  ERR_LLFT_SHAPE: ShapeError,
  ERR_LLFT_DTYPE: DtypeError,
  ERR_LLFT_DEVICE: DeviceError,
  ERR_LLFT_OUT_OF_MEMORY: OutOfMemoryError,
  ERR_LLFT_DISPOSED: DisposedError,
  ERR_LLFT_NATIVE_LOAD: NativeLoadError,
  ERR_LLFT_FORMAT: FormatError,
  ERR_LLFT_CONFIG: ConfigError,
  ERR_LLFT_DATA: DataError,
  ERR_LLFT_ABORTED: AbortedError,
  ERR_LLFT_SAVE: SaveError,
}

/** The error of the class that `code` names; a plain `LlftError` for a code without a class. */
export function createError(code: string, message: string): LlftError {
  const known = CLASSES[code]
  return known ? new known(message) : new LlftError(code, message)
}
