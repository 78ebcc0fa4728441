const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
/** Characters of a text that are shown. */
const MOST_CHARACTERS = 20_000

/** A text as HTML: nothing in it is markup; control characters are left out, and a long one is cut. */
export function escapeHtml(text: string): string {
  const cut =
    text.length > MOST_CHARACTERS
      ? `${text.slice(0, MOST_CHARACTERS)} ... (${text.length} characters)`
      : text
  return cut
    .replaceAll(/(?![\n\t])\p{Cc}/gu, '')
    .replaceAll(/[&<>"']/g, (found) => ENTITIES[found] as string)
}
