import { numberText } from './number-text.js'
import type { Result } from './result.js'

// In pixels.
const WIDTH = 940
const ROW = 26
const BAR = 9
const HEADING = 34
const MARGIN = 16
/** An upper bound of the mean width of a letter of 11 pixels in a sans-serif font. */
const LETTER = 6.6
/** A limit farther away than this many times the longest bar would leave nothing to see of the bars. */
const FARTHEST_LIMIT = 2.5

const COLOURS = { ours: '#2563eb', peer: '#9ca3af', limit: '#b91c1c' }
/** The white outline keeps a number readable where the tick of the limit crosses it. */
const HALO = 'font-size="10" stroke="#ffffff" stroke-width="3" paint-order="stroke"'

/** Results of one metric and unit, which share a scale. */
interface Section {
  heading: string
  rows: Result[]
  /** Where bars start. */
  left: number
  /** Pixels for each unit. */
  scale: number
}

/** Bars of ours and of the peer for each result, with the limit as a tick: an SVG with a background of its own. */
export function barChart(title: string, results: readonly Result[]): string {
  const parts = [text(MARGIN, MARGIN + 10, title, 'font-size="15" font-weight="600"')]
  parts.push(...legend(results))
  let y = MARGIN + 22
  for (const section of sections(results)) {
    parts.push(text(MARGIN, y + 20, section.heading, 'font-weight="600"'))
    y += HEADING
    for (const row of section.rows) {
      parts.push(...bars(row, section, y))
      y += ROW
    }
  }
  const height = y + MARGIN
  const font = 'font-family="system-ui, sans-serif" font-size="11" fill="#1f2328"'
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ${font}>`,
    `<title>${escaped(title)}: bars of each value, beside its peer and the limit</title>`,
    `<rect x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="6" fill="#ffffff" stroke="#d0d7de"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

function sections(results: readonly Result[]): Section[] {
  const left = MARGIN + 8 + LETTER * longestText(results.map((result) => result.case))
  const behind = results.flatMap((result) => [peerText(result), farText(result)].filter(Boolean))
  const room = WIDTH - MARGIN - left - 60 - LETTER * longestText(behind)
  const headings = results.map(({ metric, unit }) => `${metric}, ${unit}`)
  return [...new Set(headings)].map((heading) => {
    const rows = results.filter((_, index) => headings[index] === heading)
    return { heading, rows, left, scale: room / longest(rows) }
  })
}

/** What the width of the plot stands for. */
function longest(rows: readonly Result[]): number {
  return Math.max(...rows.map((row) => Math.max(longerBar(row), isFar(row) ? 0 : row.limit!))) || 1
}

function longerBar({ value, baseline }: Result): number {
  return Math.max(value, baseline?.value ?? 0)
}

function isFar(row: Result): boolean {
  return row.limit === undefined || row.limit > FARTHEST_LIMIT * longerBar(row)
}

/** The bars, then the tick across them, then the numbers over both. */
function bars(row: Result, { left, scale }: Section, y: number): string[] {
  const { value, baseline, limit } = row
  const top = baseline ? y : y + BAR / 2
  const parts = [text(left - 8, y + BAR + 3, row.case, 'text-anchor="end"')]
  parts.push(bar(left, top, value * scale, COLOURS.ours))
  if (baseline) parts.push(bar(left, y + BAR + 1, baseline.value * scale, COLOURS.peer))
  if (limit !== undefined && !isFar(row)) parts.push(tick(left + limit * scale, y - 2))
  parts.push(text(left + value * scale + 5, top + BAR - 0.5, numberText(value), HALO))
  if (baseline) {
    parts.push(text(left + baseline.value * scale + 5, y + 2 * BAR + 0.5, peerText(row), HALO))
  }
  if (farText(row) === '') return parts
  const attributes = `fill="${COLOURS.limit}" text-anchor="end"`
  return [...parts, text(WIDTH - MARGIN, y + BAR + 3, farText(row), attributes)]
}

function peerText({ baseline }: Result): string {
  return baseline === undefined ? '' : `${numberText(baseline.value)} ${baseline.name}`
}

function farText(row: Result): string {
  return row.limit === undefined || !isFar(row) ? '' : `limit ${numberText(row.limit)} →`
}

/** At the right end of the title's line. */
function legend(results: readonly Result[]): string[] {
  const peers = new Set(results.flatMap(({ baseline }) => (baseline ? [baseline.name] : [])))
  const entries = [['LLFT', COLOURS.ours]]
  if (peers.size > 0) entries.push([[...peers].join(' or '), COLOURS.peer])
  if (!results.every(isFar)) entries.push(['limit of this machine', COLOURS.limit])
  let right = WIDTH - MARGIN
  return entries.reverse().flatMap(([name = '', colour = '']) => {
    right -= LETTER * name.length + 34
    return [bar(right, MARGIN, 12, colour), text(right + 17, MARGIN + BAR, name)]
  })
}

function bar(x: number, y: number, length: number, colour: string): string {
  const width = Math.max(length, 1).toFixed(1)
  return `<rect x="${x.toFixed(1)}" y="${y}" width="${width}" height="${BAR}" fill="${colour}"/>`
}

function tick(x: number, y: number): string {
  return `<rect x="${(x - 1).toFixed(1)}" y="${y}" width="2" height="${2 * BAR + 5}" fill="${COLOURS.limit}"/>`
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped(content)}</text>`
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function longestText(texts: readonly string[]): number {
  return Math.max(0, ...texts.map((one) => one.length))
}
