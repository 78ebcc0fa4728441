import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfigError } from '@llft/errors'
import { parseJson, readTextFile } from '@llft/input'
import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml'

/** Largest configuration file, in bytes. */
const MAX_BYTES = 1 << 20

/** What a file says, and where in it. */
export interface ConfigSource {
  /** Starts every message: the file. */
  readonly name: string
  readonly value: unknown
  /** `file:line:col` of a value, or of the nearest thing around it. */
  place(path: readonly PropertyKey[]): string
}

/**
 * Reads a configuration: YAML 1.2 (.yaml, .yml), JSON, or a module whose default export it is (.ts, .mts, .js, .mjs).
 *
 * @throws ConfigError or FormatError at `file:line:col`.
 */
export async function readConfigSource(path: string): Promise<ConfigSource> {
  const kind = extname(path).toLowerCase()
  if (['.ts', '.mts', '.js', '.mjs'].includes(kind)) return moduleSource(path)
  const text = await readTextFile(path, { maxBytes: MAX_BYTES })
  // JSON is YAML, but for tabs; its own reader tells of them better.
  if (kind === '.json') parseJson(text, path)
  return yamlSource(text, path)
}

/** The text of a configuration in YAML or JSON. @throws ConfigError at `name:line:col` for what is neither. */
export function yamlSource(text: string, name: string): ConfigSource {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true })
  const [error] = document.errors
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${name}:${line}:${col}`
  }
  if (error !== undefined) {
    throw new ConfigError(
      `${at(error.pos[0])}: the file must be YAML; got what is none: ${error.message}.`,
    )
  }
  const place = (path: readonly PropertyKey[]) => {
    const offset = offsetOf(document.contents, path)
    return offset === undefined ? name : at(offset)
  }
  // The aliases of a small file could stand for gigabytes.
  return { name, value: document.toJS({ maxAliasCount: 100 }) as unknown, place }
}

/** Where the value of `path` begins, or that of the longest part of it that is there. */
function offsetOf(root: unknown, path: readonly PropertyKey[]): number | undefined {
  let node = root as Node | null
  let offset = node?.range?.[0]
  for (const key of path) {
    if (!isMap(node)) break
    const pair = node.items.find(
      (item) => isScalar(item.key) && String(item.key.value) === String(key),
    )
    if (pair === undefined) break
    offset = (pair.key as Node).range?.[0] ?? offset
    node = pair.value as Node | null
  }
  return offset
}

async function moduleSource(path: string): Promise<ConfigSource> {
  // A missing file has its own message, not that of the module loader.
  await readFile(path)
  try {
    const module = (await import(pathToFileURL(resolve(path)).href)) as { default?: unknown }
    if (module.default === undefined) {
      throw new ConfigError(`${path}: must export its configuration as default; got none.`)
    }
    return { name: path, value: module.default, place: () => path }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_UNKNOWN_FILE_EXTENSION') throw error
    throw new ConfigError(
      `${path}: this Node.js (${process.version}) does not read TypeScript. Write YAML or JSON, compile it to .mjs, or use Node.js 22.18 or newer.`,
    )
  }
}
