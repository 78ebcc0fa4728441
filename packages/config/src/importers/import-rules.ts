import { put } from '../check-config.js'
import type { RunConfigInput } from '../schema.js'

/** What became of a key of another tool's configuration. */
export interface ImportRow {
  /** Its name there; '(default)' after it for a default of that tool which is not ours. */
  readonly key: string
  readonly value: unknown
  /** The option here, such as 'training.learning_rate'; undefined where there is none. */
  readonly to?: string | undefined
  /** Its value here. */
  readonly as?: unknown
  /** Why it was changed or left out. */
  readonly why?: string | undefined
}

/** A configuration of another tool as one of LLFT. */
export interface ImportedConfig {
  readonly config: RunConfigInput
  /** Taken over as they are, under the names of here. */
  readonly carried: readonly ImportRow[]
  /** Taken over with another value. */
  readonly changed: readonly ImportRow[]
  /** Not taken over. */
  readonly dropped: readonly ImportRow[]
}

/** The keys and values of another tool's configuration. */
export type Given = Readonly<Record<string, unknown>>

/** What one key becomes; `all` are the others, which may matter. */
export type ImportRule = (value: unknown, all: Given) => Outcome

export type Outcome =
  | { readonly to: string; readonly as: unknown; readonly why?: string | undefined }
  | { readonly why: string; readonly to?: undefined }

/** The key under its name here. */
export function carry(to: string): ImportRule {
  return (value) => ({ to, as: value })
}

/** The key under another name and with another value. */
export function change(
  to: string,
  convert: (value: unknown, all: Given) => unknown,
  why: string,
): ImportRule {
  return (value, all) => ({ to, as: convert(value, all), why })
}

/** What `rule` gives, for another option. */
export function aimed(rule: ImportRule, to: string): ImportRule {
  return (value, all) => {
    const outcome = rule(value, all)
    return outcome.to === undefined ? outcome : { ...outcome, to }
  }
}

/** No such thing here. */
export function drop(why: string): ImportRule {
  return () => ({ why })
}

/** One of several names; those without a counterpart are left out, with the reason. */
export function choose(
  to: string,
  names: Readonly<Record<string, string>>,
  otherwise: string,
): ImportRule {
  return (value) => {
    const as = names[String(value)]
    if (as === undefined) return { why: `${otherwise} '${String(value)}'` }
    return as === value ? { to, as } : { to, as, why: `is called '${as}' here` }
  }
}

export interface ImportTable {
  readonly rules: Readonly<Record<string, ImportRule>>
  /** Values that the tool takes where nothing is given, and that are not ours. */
  readonly defaults: Given
}

/** Takes every key over by its rule; one without a rule is left out and says so. */
export function applyTable({ rules, defaults }: ImportTable, given: Given): ImportedConfig {
  const values = new Map<string, unknown>()
  const lists = {
    carried: [] as ImportRow[],
    changed: [] as ImportRow[],
    dropped: [] as ImportRow[],
  }
  const take = (key: string, name: string, value: unknown) => {
    if (value === null || value === undefined) {
      lists.dropped.push({ key: name, value, why: 'is empty' })
      return
    }
    const outcome = rules[key]?.(value, given) ?? { why: 'is not known here' }
    if (outcome.to === undefined) {
      lists.dropped.push({ key: name, value, why: outcome.why })
      return
    }
    values.set(outcome.to, outcome.as)
    const row = { key: name, value, to: outcome.to, as: outcome.as, why: outcome.why }
    if (outcome.why === undefined) lists.carried.push(row)
    else lists.changed.push(row)
  }
  for (const [key, value] of Object.entries(defaults)) {
    if (given[key] === undefined || given[key] === null) take(key, `${key} (default)`, value)
  }
  for (const [key, value] of Object.entries(given)) take(key, key, value)
  const config: Record<string, unknown> = {}
  // A whole section goes before options in it.
  const depth = ([path]: readonly [string, unknown]) => path.split('.').length
  for (const [path, value] of [...values].sort((a, b) => depth(a) - depth(b))) {
    put(config, path.split('.'), value)
  }
  return { config: config as RunConfigInput, ...lists }
}
