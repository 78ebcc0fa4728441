import { ConfigError, shown } from '@llft/errors'
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

/** Several names of which some stand for methods that are not there. @throws ConfigError for those. */
export function onlyMethods(key: string, names: readonly string[], rule: ImportRule): ImportRule {
  return (value, all) => {
    if (names.includes(String(value))) return rule(value, all)
    throw new ConfigError(
      `${key}: must be a method that this version trains (${names.join(', ')}); got ${shown(value)}. A run of another method would not be the same run.`,
    )
  }
}

/** Whether a key is there with a value. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

/** `true`, as YAML, JSON or a command line spells it. */
export function isTrue(value: unknown): boolean {
  return value === true || value === 'true'
}
