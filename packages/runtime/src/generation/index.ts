export type { FinishReason, GenerationEvent } from './decoding.js'
export { type Generated, generate, generateStream } from './generate.js'
export {
  type GeneratedText,
  generateText,
  streamText,
  type TextCodec,
  type TextEvent,
  type TextStream,
} from './generate-text.js'
export { type CacheStep, KvCache, type SlotTokens } from './kv-cache.js'
export { contextLimit, type GenerateOptions, type GenerateTextOptions } from './options.js'
