import { displayWidth, padCells, wrapCells } from '@llft/terminal'
import type { Paint } from './paint.js'

/** What a table has to know of the terminal. */
export interface Page {
  readonly paint: Paint
  /** Cells of a line. */
  readonly width: number
}

/** A name and what belongs to it. */
export type Row = readonly [name: string, value: string]

/** Lines with the values of all rows below each other, wrapped to the width of the terminal. */
export function tableLines(rows: readonly Row[], { paint, width }: Page): string[] {
  const names = Math.max(0, ...rows.map(([name]) => displayWidth(name)))
  const room = Math.max(20, width - names - 2)
  return rows.flatMap(([name, value]) =>
    wrapCells(value, room).map((line, index) => {
      const head = index === 0 ? name : ''
      return `${paint.dim(padCells(head, names))}  ${line}`.trimEnd()
    }),
  )
}

/**
 * Lines of a table with a heading above each column; the columns named in `right` are numbers. Where it is wider than the
 * page, the cells of the first column lose their middle.
 */
export function gridLines(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  { paint, width }: Page,
  right: readonly number[] = [],
): string[] {
  const widthsOf = (lines: readonly (readonly string[])[]) =>
    headings.map((heading, column) =>
      Math.max(displayWidth(heading), ...lines.map((row) => displayWidth(row[column] ?? ''))),
    )
  const others = widthsOf(rows).slice(1)
  const room = width - others.reduce((sum, cells) => sum + cells + GAP, 0)
  const fitting = rows.map(([first = '', ...rest]) => [shortened(first, room), ...rest])
  const widths = widthsOf(fitting)
  const lineOf = (row: readonly string[]): string =>
    row
      .map((cell, column) => aligned(cell, widths[column] ?? 0, right.includes(column)))
      .join(' '.repeat(GAP))
      .trimEnd()
  return [paint.dim(lineOf(headings)), ...fitting.map(lineOf)]
}

/** Cells between two columns. */
const GAP = 2

function aligned(text: string, cells: number, isRight: boolean): string {
  return isRight ? ' '.repeat(cells - displayWidth(text)) + text : padCells(text, cells)
}

/** `model.layers.0.mlp.down_proj.weight` as `model.lay….weight`: names differ at their ends. */
function shortened(text: string, room: number): string {
  const most = Math.max(12, room)
  if (displayWidth(text) <= most) return text
  const start = Math.floor((most - 1) / 3)
  return `${text.slice(0, start)}…${text.slice(text.length - (most - 1 - start))}`
}
