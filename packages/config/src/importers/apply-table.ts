import { put } from '../check-config.js'
import type { RunConfigInput } from '../schema.js'
import {
  type Given,
  type ImportedConfig,
  type ImportRow,
  type ImportRule,
  isGiven,
} from './import-rules.js'

export interface ImportTable {
  /** By key; where two keys that are given name one option, the later of the table decides. */
  readonly rules: Readonly<Record<string, ImportRule>>
  /** Values that the tool takes where nothing is given, and that are not ours. */
  readonly defaults: Given
}

/** Options that are a name, or a name with settings: the name that settings alone belong to. */
const NAMED: Readonly<Record<string, string>> = {
  'training.optimizer': 'adamw',
  'training.schedule': 'linear',
}

/** Options that are sections, whose parts are options of their own. */
const SECTIONS = new Set(['model', 'data', 'lora', 'training'])

interface Taken {
  readonly row: ImportRow
  /** Place of its rule; defaults are behind all that is given. */
  readonly rank: number
}

/** Takes every key over by its rule, in whatever order they come; one without a rule is left out and says so. */
export function applyTable({ rules, defaults }: ImportTable, given: Given): ImportedConfig {
  const places = new Map(Object.keys(rules).map((key, place) => [key, place]))
  const take = (key: string, value: unknown, isDefault: boolean): Taken => {
    const rule = rules[withoutPlaces(key)]
    const outcome = isGiven(value)
      ? (rule?.(value, given) ?? { why: 'is not known here' })
      : { why: 'is empty' }
    const row = { key: isDefault ? `${key} (default)` : key, value, ...outcome }
    return { row, rank: isDefault ? -1 : (places.get(withoutPlaces(key)) ?? 0) }
  }
  const missing = Object.entries(defaults).filter(([key]) => !isGiven(given[key]))
  const all = [
    ...missing.filter(([, value]) => isGiven(value)).map(([key, value]) => take(key, value, true)),
    ...Object.entries(given).map(([key, value]) => take(key, value, false)),
  ]
  const winners = decide(all)
  return { config: assembled(winners), ...sorted(all, winners) }
}

/** `datasets.0.type` is a key `datasets.type`. */
function withoutPlaces(key: string): string {
  return key.replaceAll(/\.\d+(?=\.)/g, '')
}

/** The options that a row sets, each with its value. */
function leavesOf({ to, as }: ImportRow): [string, unknown][] {
  if (to === undefined) return []
  if (!SECTIONS.has(to)) return [[to, as]]
  return Object.entries(as as object).map(([name, value]) => [`${to}.${name}`, value])
}

/** Who decides on each option. */
function decide(all: readonly Taken[]): Map<string, Taken> {
  const winners = new Map<string, Taken>()
  for (const taken of all) {
    for (const [option] of leavesOf(taken.row)) {
      const before = winners.get(option)
      if (before === undefined || taken.rank >= before.rank) winners.set(option, taken)
    }
  }
  return winners
}

function sorted(all: readonly Taken[], winners: ReadonlyMap<string, Taken>) {
  const carried: ImportRow[] = []
  const changed: ImportRow[] = []
  const dropped: ImportRow[] = []
  for (const { row } of all) {
    const { to, as, why, ...what } = row
    if (to === undefined) {
      dropped.push({ ...what, why })
      continue
    }
    const beaten = leavesOf(row).flatMap(([option, value]) => {
      const winner = winners.get(option)?.row
      const isOther =
        winner !== undefined && winner !== row && !isSame(valueIn(winner, option), value)
      return isOther ? [winner.key] : []
    })
    if (beaten.length > 0 && beaten.length === leavesOf(row).length) {
      dropped.push({ ...what, why: `${beaten[0]} says it` })
    } else if (why === undefined) carried.push(row)
    else changed.push(row)
  }
  return { carried, changed, dropped }
}

function valueIn(row: ImportRow, option: string): unknown {
  return leavesOf(row).find(([name]) => name === option)?.[1]
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function assembled(winners: ReadonlyMap<string, Taken>): RunConfigInput {
  const values = [...winners].map(([option, { row }]) => [option, valueIn(row, option)] as const)
  const config: Record<string, unknown> = {}
  // A name goes before its settings.
  const depth = (option: string) => option.split('.').length
  for (const [option, value] of values.sort(
    ([a], [b]) => depth(a) - depth(b) || (a < b ? -1 : 1),
  )) {
    const parent = option.slice(0, option.lastIndexOf('.'))
    const name = NAMED[parent]
    if (name !== undefined) {
      const named = at(config, parent) ?? name
      if (typeof named === 'string') put(config, parent.split('.'), { name: named })
    }
    put(config, option.split('.'), value)
  }
  return config as RunConfigInput
}

function at(config: Readonly<Record<string, unknown>>, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], config)
}
