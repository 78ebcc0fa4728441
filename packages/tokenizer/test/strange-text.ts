import fc from 'fast-check'

/** Characters at which words end in one pattern or another, of every length in UTF-8 and UTF-16. */
const MARKS = [
  ...' \t\n\r\v\f\u0085\u00a0\u2028\u3000\ufeff\u200b',
  ..."'’sStTmMdDrReEvVlLſK",
  ...'09¾²①٣Ⅷ',
  ...'aZéßǅʰа字ㇰ한ﬁ',
  ...'.,!<|>_-^`+$€▁́\u0903\u200d\ufdd0\ufffd\u0000',
  '𝒳',
  '𠮷',
  '😀',
  '𝟙',
  '\ud800',
  '\udc00',
  '  ',
  '\r\n',
  "'ll",
  "'Re",
  '<|im_end|>',
  '<think>',
  '<s>',
]

/** Texts made of such characters, of words, and of any characters at all. */
export const strangeText = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...MARKS) },
      { weight: 2, arbitrary: fc.constantFrom('the', ' and', 'ing', ' 2024', '你好', 'Ünï') },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) },
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''))
