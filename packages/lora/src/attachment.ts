import { ConfigError } from '@llft/errors'
import type { LanguageModel } from '@llft/runtime'
import type { LoraConfig } from './config.js'
import type { LoraLinear } from './lora-linear.js'
import type { SavedModule } from './saved-module.js'

/** What `injectLora` put into a model. */
export interface Attachment {
  readonly config: LoraConfig
  /** By module path, in the order of the model. */
  readonly layers: ReadonlyMap<string, LoraLinear>
  readonly savedModules: ReadonlyMap<string, SavedModule>
}

const attachments = new WeakMap<LanguageModel, Attachment>()

/** The adapter of `model`, if it has one. */
export function findAttachment(model: LanguageModel): Attachment | undefined {
  return attachments.get(model)
}

/** The adapter of `model`. @throws ConfigError if it has none. */
export function attachmentOf(model: LanguageModel, caller: string): Attachment {
  const attachment = attachments.get(model)
  if (attachment === undefined) {
    throw new ConfigError(
      `${caller}: the model must have an adapter; got none. Call injectLora or loadAdapter first.`,
    )
  }
  return attachment
}

export function attach(model: LanguageModel, attachment: Attachment): void {
  attachments.set(model, attachment)
}

export function detach(model: LanguageModel): void {
  attachments.delete(model)
}
