export { ConfigError, FormatError } from '@llft/errors'
export {
  FILE_TYPES,
  type FileType,
  fileTypeOf,
  GGML_TYPES,
  type GgmlType,
  type GgmlTypeInfo,
  ggmlTypeInfo,
} from './ggml-types.js'
export { GgufFile } from './gguf-file.js'
export { GgufMetadata } from './metadata.js'
export { type Gguf, type GgufTensor, openGguf } from './open-gguf.js'
export type { GgufHeader, GgufTensorInfo } from './parse-header.js'
export type { GgufTensorSource, TensorBytes } from './tensor-source.js'
export { type GgufValue, gguf, type NumberArray } from './value.js'
export { type GgufProgress, stageGguf, type WriteGgufOptions, writeGguf } from './write-gguf.js'
