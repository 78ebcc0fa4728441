import pico from 'picocolors'
import type { OutputStream } from './streams.js'

/** Colours, or plain text where none are wanted. */
export type Paint = ReturnType<typeof pico.createColors>

/**
 * The colours of a stream: NO_COLOR (no-color.org) wins over FORCE_COLOR, and that over what the stream is.
 *
 * @param wanted false with --no-color
 */
export function paintFor(stream: OutputStream, wanted: boolean): Paint {
  const { NO_COLOR, FORCE_COLOR } = process.env
  const isForced = FORCE_COLOR !== undefined && FORCE_COLOR !== '' && FORCE_COLOR !== '0'
  return pico.createColors(wanted && !NO_COLOR && (isForced || isTerminal(stream)))
}

/** Whether a stream is a terminal that obeys control sequences. */
export function isTerminal(stream: OutputStream): boolean {
  return stream.isTTY === true && process.env.TERM !== 'dumb'
}
