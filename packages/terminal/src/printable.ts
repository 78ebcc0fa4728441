/** C0 and C1 but for the line feed and the tab, DEL, and the marks that turn the direction of a line. */
const CONTROLS = /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu

/**
 * A text of somebody else without what a terminal obeys: models, data and templates may hold sequences that clear the screen,
 * rename the window or hide what stands there.
 */
export function printable(text: string): string {
  return text.replaceAll(CONTROLS, '')
}
