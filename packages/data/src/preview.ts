import type { Tokenizer } from '@llft/tokenizer'
import { type Example, IGNORED } from './example.js'
import { sourceName } from './source.js'

/**
 * A row as the model sees it, special tokens spelt out, with what is learnt between ⟦ and ⟧:
 *
 *     train.jsonl:1: 12 of 40 tokens are learnt
 *     <|im_start|>user
 *     Name a colour.<|im_end|>
 *     <|im_start|>assistant
 *     ⟦Blue<|im_end|>
 *     ⟧
 */
export function preview({ ids, labels, source }: Example, tokenizer: Tokenizer): string {
  const decode = (from: number, to: number) =>
    tokenizer.decode(ids.subarray(from, to), { skipSpecialTokens: false })
  let text = ''
  let from = 0
  while (from < ids.length) {
    const learnt = labels[from] !== IGNORED
    let to = from + 1
    while (to < ids.length && (labels[to] !== IGNORED) === learnt) to++
    text += learnt ? `⟦${decode(from, to)}⟧` : decode(from, to)
    from = to
  }
  const count = labels.reduce((sum, label) => sum + (label === IGNORED ? 0 : 1), 0)
  return `${sourceName(source)}: ${count} of ${ids.length} tokens are learnt\n${text}`
}
