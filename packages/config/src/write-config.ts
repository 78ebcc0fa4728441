import { stringify } from 'yaml'
import { put, valueAt } from './check-config.js'
import { describeFields, type Field } from './describe-fields.js'
import type { RunConfigInput } from './schema.js'

/** Where a comment begins. */
const COMMENT_COLUMN = 48

/**
 * A configuration as YAML with a comment behind every option: what is given as it is, what has a default commented out, so
 * that it shows what there is.
 *
 * @param schemaUrl where editors find the JSON Schema; default none
 */
export function configYaml(
  config: RunConfigInput,
  { schemaUrl }: { schemaUrl?: string } = {},
): string {
  const shownAs =
    typeof config.model === 'string' ? { ...config, model: { path: config.model } } : config
  const lines = schemaUrl === undefined ? [] : [`# yaml-language-server: $schema=${schemaUrl}`]
  let section = ''
  for (const field of describeFields()) {
    const [top, key, deeper] = field.path.split('.') as [string, string?, string?]
    // What is deeper is part of an object, which has a line.
    if (deeper !== undefined || (key !== undefined && !hasSection(config, top))) continue
    if (key !== undefined && top !== section) lines.push('', `${top}:`)
    if (key === undefined && section !== '') lines.push('')
    section = key === undefined ? '' : top
    lines.push(lineOf(field, valueAt(shownAs, field.path)))
  }
  return `${lines.join('\n').trim()}\n`
}

/** The adapters of a run that has none are not shown. */
function hasSection(config: RunConfigInput, name: string): boolean {
  return name !== 'lora' || config.method !== 'full'
}

function lineOf(field: Field, given: unknown): string {
  const [top, key] = field.path.split('.') as [string, string?]
  const [indent, name] = key === undefined ? ['', top] : ['  ', key]
  const value = given ?? field.default
  const text = value === undefined ? '' : inline(value)
  const line = `${indent}${given === undefined ? '# ' : ''}${name}: ${text}`
  return `${line.padEnd(COMMENT_COLUMN - 2)}  # ${commentOf(field)}`
}

function commentOf({ description, unit, choices }: Field): string {
  const units = unit === undefined ? '' : ` [${unit}]`
  const others = choices === undefined ? '' : ` (${choices.join(', ')})`
  return `${description}${units}${others}`
}

function inline(value: unknown): string {
  if (typeof value === 'number' && Math.abs(value) > 0 && Math.abs(value) < 1e-3) {
    return value.toExponential()
  }
  return stringify(value, {
    collectionStyle: 'flow',
    flowCollectionPadding: true,
    lineWidth: 0,
  }).trim()
}

/** A configuration from values by path. */
export function configOf(values: ReadonlyMap<string, unknown>): RunConfigInput {
  const tree: Record<string, unknown> = {}
  for (const [path, value] of values) put(tree, path.split('.'), value)
  return tree as RunConfigInput
}
