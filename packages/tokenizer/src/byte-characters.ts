/**
 * GPT-2's alphabet, in which byte-level tokens are written: a byte that is a visible character of
 * Latin-1 is that character, the others are U+0100 and up in their order.
 */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  const visible = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad)
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCodePoint(visible(byte) ? byte : next++),
  )
})()

/** Bytes as tokens of models that fall back to them, `<0x00>` to `<0xFF>`. */
export const BYTE_NAMES: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
)
