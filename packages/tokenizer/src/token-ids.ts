import { BYTE_NAMES } from './byte-characters.js'
import { type Library, missingId } from './library.js'

/** Stands for the ids of a text among special tokens. No token is that. */
const TEXT = '\u0000text'
/** Typed arrays hold ids. */
const IDS = 2 ** 31

/** Ids of texts that a model made, and of the special tokens around a whole text. */
export class TokenIds {
  private readonly unknownId: number | undefined
  private readonly frames = new Map<boolean, readonly (readonly number[] | undefined)[]>()
  private readonly utf8 = new TextEncoder()

  constructor(
    private readonly source: string,
    private readonly library: Library,
    private readonly byteFallback: boolean,
  ) {
    const { tokens_to_ids: ids, unk_token: unknown } = library.model
    this.unknownId = unknown == null ? undefined : ids.get(unknown)
  }

  /** The id of a token; of another text those of its bytes, or of the unknown token, or none. */
  of(text: string): readonly number[] {
    const { tokens_to_ids: known, unk_token: unknown } = this.library.model
    if (known.has(text)) return [this.id(text)]
    if (this.byteFallback) {
      const names = Array.from(this.utf8.encode(text), (byte) => BYTE_NAMES[byte] as string)
      if (names.every((name) => known.has(name))) return names.map((name) => this.id(name))
    }
    return unknown == null ? [] : [this.id(unknown)]
  }

  /** Makes one of unknown tokens that follow each other from `first` on. */
  fuseUnknown(ids: number[], first: number): void {
    let count = first
    for (let i = first; i < ids.length; i++) {
      const id = ids[i] as number
      if (i > first && id === this.unknownId && ids[i - 1] === id) continue
      ids[count++] = id
    }
    ids.length = count
  }

  /** With BOS, EOS and the like where tokenizer.json wants them. */
  framed(ids: number[], addSpecialTokens: boolean): number[] {
    const frame = this.frames.get(addSpecialTokens) ?? this.frame(addSpecialTokens)
    this.frames.set(addSpecialTokens, frame)
    if (frame.length === 1 && frame[0] === undefined) return ids
    return frame.flatMap((special) => special ?? ids)
  }

  /** Ids of special tokens; undefined where the text goes. */
  private frame(addSpecialTokens: boolean): (number[] | undefined)[] {
    const place = this.library.post_processor
    const tokens = place ? place([TEXT], null, addSpecialTokens).tokens : [TEXT]
    return tokens.map((token) => (token === TEXT ? undefined : [this.id(token)]))
  }

  private id(token: string): number {
    const { added_tokens_map: added, model } = this.library
    const id = added.get(token)?.id ?? model.tokens_to_ids.get(token) ?? model.unk_token_id
    if (id === undefined) throw missingId(this.source)
    if (!Number.isInteger(id) || id < 0 || id >= IDS) throw new Error(`the id ${id}`)
    return id
  }
}
