import { FormatError, shown } from '@llft/errors'
import type { TokenizerDefinition } from './definition.js'

/** More ids than any model has: a list as long as the largest id is made. */
const MAX_ID = 2 ** 24

/**
 * One id must stand for one token: where two share one, what is encoded comes back as something else.
 *
 * @throws FormatError naming the tokens
 */
export function checkVocabulary({ source, json }: TokenizerDefinition): void {
  const names = new Map<number, string>()
  const claim = (id: unknown, token: string) => {
    if (!Number.isSafeInteger(id) || (id as number) < 0 || (id as number) >= MAX_ID) {
      throw new FormatError(
        `${source}: the id of ${shown(token)} in tokenizer.json must be a whole number below ${MAX_ID}; got ${shown(id)}.`,
      )
    }
    const other = names.get(id as number)
    if (other !== undefined && other !== token) {
      throw new FormatError(
        `${source}: each id in tokenizer.json must stand for one token; got ${id} for ${shown(other)} and ${shown(token)}.`,
      )
    }
    names.set(id as number, token)
  }
  const { vocab } = json.model as { vocab?: unknown }
  // Unigram has a list, in which the place is the id.
  if (typeof vocab === 'object' && vocab !== null && !Array.isArray(vocab)) {
    for (const [token, id] of Object.entries(vocab)) claim(id, token)
  }
  for (const { id, content } of json.added_tokens) claim(id, content)
}
