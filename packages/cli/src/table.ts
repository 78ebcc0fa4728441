import { displayWidth, padCells, wrapCells } from '@llft/terminal'
import type { Output } from './output.js'

/** What a table has to know of the terminal. */
export type Page = Pick<Output, 'paint' | 'width'>

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

/** Lines of a table with a heading above each column; the columns named in `right` are numbers. */
export function gridLines(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  { paint }: Page,
  right: readonly number[] = [],
): string[] {
  const widths = headings.map((heading, column) =>
    Math.max(displayWidth(heading), ...rows.map((row) => displayWidth(row[column] ?? ''))),
  )
  const lineOf = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return right.includes(column)
          ? ' '.repeat(width - displayWidth(cell)) + cell
          : padCells(cell, width)
      })
      .join('  ')
      .trimEnd()
  return [paint.dim(lineOf(headings)), ...rows.map(lineOf)]
}
