import type { ChatMessage } from '@llft/tokenizer'
import type { Source } from './source.js'

/** A row in the one form that all formats are brought into. */
export type Sample = ChatSample | CompletionSample | TextSample

/** A conversation; its assistant turns are answers to learn. */
export interface ChatSample {
  readonly kind: 'chat'
  readonly messages: readonly ChatMessage[]
  /** Functions the model may call, as JSON schemas. */
  readonly tools?: readonly unknown[] | undefined
  readonly source: Source
}

/** A text to learn after a text that is given. */
export interface CompletionSample {
  readonly kind: 'completion'
  readonly prompt: string
  readonly completion: string
  readonly source: Source
}

/** A text to learn as a whole. */
export interface TextSample {
  readonly kind: 'text'
  readonly text: string
  readonly source: Source
}
