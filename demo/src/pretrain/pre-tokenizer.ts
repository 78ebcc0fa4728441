// The pre-tokenizer that tokenizer.json names: every numeric character alone, then GPT-2's words.
// Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"; Hugging Face tokenizers `Digits`, `ByteLevel`.

const DIGIT = /(\p{N})/u
const WORD = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu

/** The pieces of a text within which merges may happen; joined, they are the text. */
export function preTokenize(text: string): string[] {
  const pieces: string[] = []
  for (const part of text.split(DIGIT)) pieces.push(...(part.match(WORD) ?? []))
  return pieces
}

/** GPT-2's printable character for each byte: itself where it prints, else one from U+0100 on. */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  const prints = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(prints(byte) ? byte : next++))
})()
