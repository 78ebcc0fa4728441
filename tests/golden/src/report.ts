import type { Bound, Quantity } from './bounds.js'
import { type Comparison, within } from './compare.js'

/** One line of the report. */
export interface Finding extends Comparison {
  case: string
  quantity: Quantity
  bound: Bound
  /** Where the largest error lies, if the quantity has parts. */
  where?: string
}

/** A case that could not run. */
export interface Failure {
  case: string
  failure: string
}

export function holds(finding: Finding): boolean {
  return within(finding)
}

export function printJson(findings: Finding[], failures: Failure[]): void {
  for (const finding of findings) {
    const { bound, error, limit, ...rest } = finding
    const line = {
      ...rest,
      error: finite(error),
      measure: bound.measure,
      spread: bound.spread ?? null,
      bound: limit ?? null,
      from: sourceOf(finding),
      ok: holds(finding),
    }
    console.log(JSON.stringify(line))
  }
  for (const failure of failures) console.log(JSON.stringify({ ...failure, ok: false }))
}

export function printTable(findings: Finding[], failures: Failure[]): void {
  const rows = findings.map((finding) => [
    finding.case,
    finding.quantity,
    short(finding.error),
    short(finding.bound.spread),
    short(finding.limit),
    sourceOf(finding),
    finding.bound.measure,
    holds(finding) ? 'ok' : `BEYOND${finding.where ? ` at ${finding.where}` : ''}`,
  ])
  const head = ['case', 'quantity', 'error', 'spread', 'bound', 'which is', 'measure', '']
  const table = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  for (const row of table) {
    const cells = row.map((cell, i) => cell.padEnd(widths[i]!))
    console.log(cells.join('  ').trimEnd())
  }
  for (const { case: name, failure } of failures) console.log(`${name}: could not run: ${failure}`)
}

/** Where the bound of a finding comes from, in words. */
export function sourceOf({ limit, bound }: Finding): string {
  const { floor, times, spread } = bound
  if (limit === undefined) return '-'
  if (spread !== undefined && limit === times * spread) return `${times} x spread`
  return floor?.of === undefined ? 'floor' : `floor, ${100 * floor.limit} % of ${floor.of}`
}

function short(value: number | undefined): string {
  if (value === undefined) return '-'
  return Number.isInteger(value) ? String(value) : value.toExponential(1)
}

/** JSON has no infinity; a result that is no number is told by `null`. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
