import { ConfigError, shown, unknownOption } from '@llft/errors'
import type { z } from 'zod'

/**
 * Checks `value` against a strict schema.
 *
 * @throws ConfigError that names the option, what it must be and what it is; a misspelt key comes with the
 *   nearest known one.
 */
export function parseOptions<S extends z.ZodObject>(
  schema: S,
  value: unknown,
  where: string,
): z.output<S> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => describe(issue, schema, value, where))
  throw new ConfigError(problems.join(' '))
}

function describe(issue: z.core.$ZodIssue, schema: z.ZodObject, value: unknown, where: string) {
  if (issue.code === 'unrecognized_keys') {
    const nested = issue.path.length > 0 ? nestedObject(schema, issue.path) : schema
    const place = [where, ...issue.path].join('.')
    return issue.keys
      .map((key) => unknownOption(place, key, Object.keys(nested?.shape ?? {}), 'lora').message)
      .join(' ')
  }
  const got = issue.path.reduce<unknown>((at, key) => childOf(at, key), value)
  return `${[where, ...issue.path].join('.')}: ${lowerFirst(issue.message)}; got ${shown(got)}.`
}

function nestedObject(schema: z.ZodObject, path: readonly PropertyKey[]): z.ZodObject | undefined {
  let at: unknown = schema
  for (const key of path) {
    at = unwrapped(childOf(childOf(at, 'shape'), key))
  }
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

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, '')
}
