import type { Bound, Quantity } from './bounds.js'

/** One line of the report. */
export interface Finding {
  case: string
  quantity: Quantity
  error: number
  bound: Bound
  /** Where the largest error lies, if the quantity has parts. */
  where?: string
}

/** A case that could not run. */
export interface Failure {
  case: string
  failure: string
}

export function holds({ error, bound }: Finding): boolean {
  return bound.limit === undefined || error <= bound.limit
}

export function printJson(findings: Finding[], failures: Failure[]): void {
  for (const finding of findings) {
    const { bound, error, ...rest } = finding
    const line = {
      ...rest,
      error: finite(error),
      measure: bound.measure,
      bound: bound.limit ?? null,
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
    finding.bound.limit === undefined ? '-' : short(finding.bound.limit),
    finding.bound.measure,
    holds(finding) ? 'ok' : `BEYOND${finding.where ? ` at ${finding.where}` : ''}`,
  ])
  const table = [['case', 'quantity', 'error', 'bound', 'measure', ''], ...rows]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  for (const row of table)
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
  for (const { case: name, failure } of failures) console.log(`${name}: could not run: ${failure}`)
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toExponential(1)
}

/** JSON has no infinity; a result that is no number is told by `null`. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
