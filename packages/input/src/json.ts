import { FormatError } from '@llft/errors'
import { jsonErrorIndex, lineAndColumn } from './json-error.js'
import { type ReadOptions, readTextFile, readTextIfThere } from './read-file.js'

/** Levels of lists and objects in one another: more than any file of a model has. */
const MAX_DEPTH = 64

/**
 * JSON that somebody else wrote. Its depth is counted before it is parsed, as V8 takes seconds and gigabytes for deep
 * nests.
 *
 * @param where starts the message: the file
 * @param firstLine of the text in its file
 * @throws FormatError with line and column
 */
export function parseJson(text: string, where: string, firstLine = 1): unknown {
  const fail = (index: number, must: string): FormatError => {
    const { line, column } = lineAndColumn(text, index)
    return new FormatError(`${where}:${firstLine + line - 1}:${column}: ${must}.`)
  }
  const deepAt = tooDeepAt(text)
  if (deepAt !== undefined) {
    throw fail(deepAt, `JSON must be at most ${MAX_DEPTH} levels deep; got more`)
  }
  try {
    return JSON.parse(text)
  } catch {
    const at = jsonErrorIndex(text)
    const got =
      at >= text.trimEnd().length ? 'its end' : JSON.stringify([...text.slice(at, at + 2)][0])
    throw fail(at, `the text must be JSON; got ${got} where JSON cannot go on`)
  }
}

/** @throws FormatError, also for JSON that is no object */
export function parseJsonObject(text: string, where: string): Record<string, unknown> {
  const value = parseJson(text, where)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  const got = value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`
  throw new FormatError(`${where}: must hold a JSON object; got ${got}.`)
}

/** The object of a JSON file. @throws FormatError naming the file */
export async function readJsonFile(
  path: string,
  options: ReadOptions = {},
): Promise<Record<string, unknown>> {
  return parseJsonObject(await readTextFile(path, options), path)
}

/** The same, or undefined where there is no such file. */
export async function readJsonIfThere(
  path: string,
  options: ReadOptions = {},
): Promise<Record<string, unknown> | undefined> {
  const text = await readTextIfThere(path, options)
  return text === undefined ? undefined : parseJsonObject(text, path)
}

/** Where the text goes deeper than allowed; undefined where it does not. */
function tooDeepAt(text: string): number | undefined {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = endOfString(text, at)
    } else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      depth++
      if (depth > MAX_DEPTH) return at
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) {
      depth--
    }
  }
  return undefined
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** Index of the quote that ends the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let slashes = 0
    while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return at
  }
  return text.length
}
