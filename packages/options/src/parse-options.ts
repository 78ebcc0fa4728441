import { ConfigError, shown, unknownOption } from '@llft/errors'
import type { z } from 'zod'

export interface ParseContext {
  /** Starts every message: the function that takes the options. */
  readonly where: string
  /** What people put before the name of an option, such as 'lora' in `lora_alpha`. */
  readonly prefix?: string | undefined
}

/**
 * Checks options against a strict schema and fills in its defaults.
 *
 * A rule of the schema says 'must ...'; a custom one may have `params: { fix: 'Leave it out.' }`.
 *
 * @throws ConfigError that names the option, what it must be and what it is; a misspelt key comes with the
 *   nearest known one.
 */
export function parseOptions<S extends z.ZodObject>(
  schema: S,
  options: unknown,
  context: string | ParseContext,
): z.output<S> {
  const parsed = schema.safeParse(options)
  if (parsed.success) return parsed.data
  const within = typeof context === 'string' ? { where: context } : context
  const problems = parsed.error.issues.map((issue) => describe(issue, schema, options, within))
  throw new ConfigError(problems.join(' '))
}

function describe(
  issue: z.core.$ZodIssue,
  schema: z.ZodObject,
  options: unknown,
  { where, prefix }: ParseContext,
): string {
  const place = [where, ...issue.path].join('.')
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(nestedObject(schema, issue.path)?.shape ?? {})
    return issue.keys.map((key) => unknownOption(place, key, known, prefix).message).join(' ')
  }
  const got = issue.path.reduce<unknown>((at, key) => childOf(at, key), options)
  return `${place}: ${lowerFirst(issue.message)}; got ${shown(got)}.${fixOf(issue)}`
}

function fixOf(issue: z.core.$ZodIssue): string {
  const fix = issue.code === 'custom' ? childOf(issue.params, 'fix') : undefined
  return typeof fix === 'string' ? ` ${fix}` : ''
}

function nestedObject(schema: z.ZodObject, path: readonly PropertyKey[]): z.ZodObject | undefined {
  let at: unknown = schema
  for (const key of path) at = unwrapped(childOf(childOf(at, 'shape'), key))
  return isObjectSchema(at) ? at : undefined
}

function unwrapped(schema: unknown): unknown {
  const inner = childOf(childOf(schema, 'def'), 'innerType')
  return inner === undefined ? schema : unwrapped(inner)
}

function isObjectSchema(schema: unknown): schema is z.ZodObject {
  return childOf(schema, 'shape') !== undefined
}

function childOf(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<PropertyKey, unknown>)[key]
    : undefined
}

/** zod's own texts begin with a capital and end with a dot. */
function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1).replace(/\.$/, '')
}
