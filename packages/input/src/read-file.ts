import { constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { FormatError } from '@llft/errors'

/** V8's longest string has 2^29 - 24 characters. */
export const MAX_STRING_BYTES = 2 ** 29 - 24

/** More than any text file of a model has, and about twice V8's longest string. */
const MAX_BYTES = 1e9

export interface ReadOptions {
  /** Largest size, in bytes. Default 1e9. */
  readonly maxBytes?: number | undefined
}

/**
 * Refuses everything but a regular file, before it is opened: a pipe without a writer would keep the process waiting for
 * ever, and a device has no end.
 *
 * @throws FormatError that says what it is, or that it is missing
 */
async function requireRegular(path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error)
  if (found instanceof Error) throw unreadable(path, found)
  if (found.isFile()) return
  const kind = found.isDirectory() ? 'a folder' : `a special file (${kindOf(found)})`
  throw new FormatError(`${path}: must be a file; got ${kind}.`)
}

/** Opens a regular file for reading. @throws FormatError, see requireRegular */
export async function openRegular(path: string): Promise<FileHandle> {
  await requireRegular(path)
  try {
    // It may have become a pipe meanwhile, which then must not wait.
    return await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    throw unreadable(path, error as NodeJS.ErrnoException)
  }
}

/** The text of a file in UTF-8. @throws FormatError naming the file */
export async function readTextFile(path: string, options: ReadOptions = {}): Promise<string> {
  const { maxBytes = MAX_BYTES } = options
  const handle = await openRegular(path)
  try {
    const { size } = await handle.stat()
    if (size > maxBytes) {
      throw new FormatError(`${path}: must be at most ${maxBytes} bytes; got ${size}.`)
    }
    const bytes = await handle.readFile()
    rejectPointer(path, bytes)
    return decode(path, bytes)
  } finally {
    await handle.close()
  }
}

/** The same, or undefined where there is no such file. */
export async function readTextIfThere(
  path: string,
  options: ReadOptions = {},
): Promise<string | undefined> {
  const isThere = await stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
  )
  return isThere ? readTextFile(path, options) : undefined
}

/** @throws FormatError if `start`, at least 8 first bytes of a file, are those of a pointer of git-lfs */
export function rejectPointer(path: string, start: Uint8Array): void {
  const text = Buffer.from(start.subarray(0, POINTER.length)).toString('latin1')
  if (text.length < 8 || !POINTER.startsWith(text)) return
  throw new FormatError(
    `${path}: must be the file itself; got a pointer of git-lfs. Run: git -C '${dirname(path)}' lfs pull`,
  )
}

const POINTER = 'version https://git-lfs'

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    // Longer texts than V8 can hold fail in the same place as texts of another encoding.
    if (bytes.length > MAX_STRING_BYTES) {
      throw new FormatError(
        `${path}: a text must be at most ${MAX_STRING_BYTES} bytes to be read as one; got ${bytes.length}. Split it, or write rows as JSON Lines, one a line.`,
      )
    }
    throw new FormatError(`${path}: text must be UTF-8; got ${(error as Error).message}.`)
  }
}

function unreadable(path: string, { code, message }: NodeJS.ErrnoException): FormatError {
  const got = code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'no permission' : message
  return new FormatError(`${path}: the file must be readable; got ${got}.`)
}

function kindOf(found: {
  isFIFO(): boolean
  isSocket(): boolean
  isCharacterDevice(): boolean
}): string {
  if (found.isFIFO()) return 'pipe'
  if (found.isSocket()) return 'socket'
  return found.isCharacterDevice() ? 'character device' : 'block device'
}
