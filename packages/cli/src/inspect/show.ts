import { printable, wrapCells } from '@llft/terminal'
import type { Output } from '../output.js'
import { gridLines, tableLines } from '../table.js'
import type { Inspection, Section } from './inspection.js'

/** Lines of a text that is shown as it is. */
const MOST_LINES = 40

/** Writes what was found, for people. */
export function showInspection(output: Output, path: string, inspection: Inspection): void {
  const { paint } = output
  output.line(`${paint.bold(printable(path))}: ${printable(inspection.summary)}`)
  for (const section of inspection.sections) {
    output.line()
    output.line(paint.bold(printable(section.title)))
    for (const line of linesOf(section, output)) output.line(`  ${line}`.trimEnd())
  }
  if (inspection.problems.length + inspection.notes.length > 0) output.line()
  for (const text of inspection.problems) marked(output, paint.red('problem'), text)
  for (const text of inspection.notes) marked(output, paint.yellow('note   '), text)
}

function linesOf({ rows, grid, text }: Section, { paint, width }: Output): string[] {
  const page = { paint, width: width - 2 }
  const lines: string[] = []
  if (rows !== undefined) {
    lines.push(
      ...tableLines(
        rows.map(([name, value]) => [name, printable(value)]),
        page,
      ),
    )
  }
  if (grid !== undefined) {
    const cells = grid.rows.map((row) => row.map(printable))
    lines.push(...gridLines(grid.headings, cells, page, grid.right))
  }
  if (text !== undefined) lines.push(...textLines(text, page.width))
  return lines
}

function textLines(text: string, width: number): string[] {
  const lines = wrapCells(printable(text).replaceAll('\t', '    '), width)
  const more = lines.length - MOST_LINES
  return more > 0 ? [...lines.slice(0, MOST_LINES), `… ${more} more lines`] : lines
}

function marked(output: Output, mark: string, text: string): void {
  const [first = '', ...others] = wrapCells(printable(text), output.width - 9)
  output.line(`${mark}  ${first}`)
  for (const line of others) output.line(`         ${line}`)
}
