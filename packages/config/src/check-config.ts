import { ConfigError, shown, suggestion } from '@llft/errors'
import type { z } from 'zod'
import type { ConfigSource } from './config-source.js'
import { knownKeys } from './describe-fields.js'
import { ALIASES, configSchema, type RunConfig } from './schema.js'

/** Problems that are told at once. */
const MOST_PROBLEMS = 10

/** A value that was set beside the file, such as by `--set`, and how its place is called. */
export interface ExtraValue {
  readonly path: string
  readonly value: unknown
  readonly place: string
}

/**
 * Checks a configuration and fills in its defaults; `null` stands for nothing.
 *
 * @param extra values that go before those of the file, the later before the earlier
 * @throws ConfigError with a line for each problem: `file:line:col: key: must ...; got ...`.
 */
export function checkConfig(source: ConfigSource, extra: readonly ExtraValue[] = []): RunConfig {
  const places = new Map(extra.map(({ path, place }) => [path, place]))
  const value = withoutNulls(source.value) ?? {}
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new ConfigError(`${source.name}: must be an object of options; got ${shown(value)}.`)
  }
  const given = renamed(value as Tree, source)
  for (const { path, value } of extra) put(given, path.split('.'), value)
  const parsed = configSchema.safeParse(given)
  if (parsed.success) return parsed.data
  const place = (path: readonly PropertyKey[]) => {
    const own = [...places].find(([known]) => path.join('.').startsWith(known))
    return own?.[1] ?? source.place(path)
  }
  const problems = parsed.error.issues.flatMap((issue) => describe(issue, given, place))
  const more =
    problems.length > MOST_PROBLEMS ? [`... and ${problems.length - MOST_PROBLEMS} more.`] : []
  throw new ConfigError([...problems.slice(0, MOST_PROBLEMS), ...more].join('\n'))
}

type Tree = { [key: string]: unknown }

function describe(
  issue: z.core.$ZodIssue,
  given: Tree,
  place: (path: readonly PropertyKey[]) => string,
): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const path = [...issue.path, key]
      const known = knownKeys(issue.path.join('.'))
      return `${place(path)}: ${path.join('.')}: must be a known option. ${suggestion(key, known)}`
    })
  }
  const got = issue.path.reduce<unknown>(
    (at, key) => (at as Tree | undefined)?.[key as string],
    given,
  )
  const { message } = issue
  const must = message.charAt(0).toLowerCase() + message.slice(1).replace(/\.$/, '')
  return [`${place(issue.path)}: ${issue.path.join('.')}: ${must}; got ${shown(got)}.`]
}

/** Puts values of other spellings where they belong. @throws ConfigError for one that is there in both. */
function renamed(value: Tree, source: ConfigSource): Tree {
  const tree = structuredClone(value)
  for (const [path, others] of Object.entries(ALIASES)) {
    for (const other of others) {
      const given = take(tree, other.split('.'))
      if (given === undefined) continue
      if (valueAt(tree, path) !== undefined) {
        throw new ConfigError(
          `${source.place(other.split('.'))}: ${other}: must not be given beside ${path}, which it stands for; got both.`,
        )
      }
      put(tree, path.split('.'), given)
    }
  }
  return tree
}

function take(tree: Tree, path: readonly string[]): unknown {
  const [key, ...rest] = path as [string, ...string[]]
  const at = tree[key]
  if (rest.length > 0) return isTree(at) ? take(at, rest) : undefined
  delete tree[key]
  return at
}

/** The value at a path such as 'training.epochs'. */
export function valueAt(tree: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((at, key) => (isTree(at) ? at[key] : undefined), tree)
}

/** Puts `value` at `path`; a text for `model` becomes its path. */
export function put(tree: Tree, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path as [string, ...string[]]
  if (rest.length === 0) {
    tree[key] = value
    return
  }
  const at = tree[key]
  const inner = isTree(at) ? at : typeof at === 'string' ? { path: at } : {}
  tree[key] = inner
  put(inner, rest, value)
}

function withoutNulls(value: unknown): unknown {
  if (value === null) return undefined
  if (!isTree(value)) return value
  const entries = Object.entries(value).map(([key, at]) => [key, withoutNulls(at)] as const)
  return Object.fromEntries(entries.filter(([, at]) => at !== undefined))
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
