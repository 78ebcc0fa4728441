import { createReadStream } from 'node:fs'
import { DataError } from '@llft/errors'
import { MAX_STRING_BYTES } from '@llft/input'

const NEWLINE = 0x0a

/** The bytes between newlines. A newline byte is never part of another character in UTF-8. */
export async function* splitLines(file: string): AsyncGenerator<Uint8Array> {
  let parts: Buffer[] = []
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      parts.push(chunk.subarray(from, end))
      yield parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
      parts = []
      from = end + 1
    }
    if (from < chunk.length) parts.push(chunk.subarray(from))
  }
  if (parts.length > 0) yield Buffer.concat(parts)
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function decodeUtf8(bytes: Uint8Array, file: string, firstLine: number): string {
  if (bytes.length > MAX_STRING_BYTES) {
    throw new DataError(
      `${file}:${firstLine}: a text that is read as one must be at most ${MAX_STRING_BYTES} bytes; got ${bytes.length}. Write rows as JSON Lines, one a line, or split the file.`,
    )
  }
  try {
    return UTF8.decode(bytes)
  } catch {
    throw new DataError(
      `${file}:${firstLine + linesBeforeError(bytes)}: text must be UTF-8; got bytes that are not. Save the file as UTF-8.`,
    )
  }
}

/** Whole lines of UTF-8 before the first line that is not. */
function linesBeforeError(bytes: Uint8Array): number {
  let from = 0
  for (let line = 0; ; line++) {
    const end = bytes.indexOf(NEWLINE, from)
    if (end < 0) return line
    try {
      UTF8.decode(bytes.subarray(from, end))
    } catch {
      return line
    }
    from = end + 1
  }
}
