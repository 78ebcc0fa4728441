export { ConfigError, DataError, FormatError } from '@llft/errors'
export { type ChatMessage, ChatTemplate, TEMPLATE_LIMITS } from './chat-template.js'
export { StreamDecoder } from './stream-decoder.js'
export { type ChatOptions, type DecodeOptions, type EncodeOptions, Tokenizer } from './tokenizer.js'
