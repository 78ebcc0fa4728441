import { numberText } from './number-text.js'
import type { Result } from './result.js'

// In pixels.
const WIDTH = 940
const ROW = 26
const BAR = 9
const HEADING = 34
const MARGIN = 16
/** An upper bound of the width of a letter of 11 pixels in a sans-serif font. */
const LETTER = 6.2
/** Room for the number and the name behind the longest bar. */
const BEHIND = 150
/** A limit farther away than this many times the longest bar would leave nothing to see of the bars. */
const FARTHEST_LIMIT = 2.5

const COLOURS = { ours: '#2563eb', peer: '#9ca3af', limit: '#b91c1c' }

/** Bars of ours and of the peer for each result, with the limit as a tick: an SVG with a background of its own. */
export function barChart(title: string, results: readonly Result[]): string {
  const labels = Math.ceil(LETTER * Math.max(...results.map((result) => result.case.length)))
  const left = MARGIN + labels + 8
  const parts: string[] = []
  let y = MARGIN + 22
  for (const [heading, rows] of sections(results)) {
    parts.push(text(MARGIN, y + 20, heading, 'font-weight="600"'))
    y += HEADING
    const scale = (WIDTH - left - BEHIND) / longest(rows)
    for (const row of rows) {
      parts.push(...bars(row, left, y, scale))
      y += ROW
    }
  }
  const frame = `width="${WIDTH - 1}" height="${y + MARGIN - 1}" rx="6" fill="#ffffff" stroke="#d0d7de"`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + MARGIN}" width="${WIDTH}" height="${y + MARGIN}" font-family="system-ui, sans-serif" font-size="11" fill="#1f2328">`,
    `<rect x="0.5" y="0.5" ${frame}/>`,
    text(MARGIN, MARGIN + 10, title, 'font-size="15" font-weight="600"'),
    ...legend(),
    ...parts,
    '</svg>\n',
  ].join('\n')
}

/** Results of one metric and unit share a scale. */
function sections(results: readonly Result[]): Map<string, Result[]> {
  const found = new Map<string, Result[]>()
  for (const result of results) {
    const heading = `${result.metric}, ${result.unit}`
    found.set(heading, [...(found.get(heading) ?? []), result])
  }
  return found
}

/** What the width of the plot stands for. */
function longest(rows: readonly Result[]): number {
  const bar = Math.max(...rows.flatMap(({ value, baseline }) => [value, baseline?.value ?? 0]))
  const near = rows.map(({ limit = 0 }) => (limit <= FARTHEST_LIMIT * bar ? limit : 0))
  return Math.max(bar, ...near) || 1
}

function bars(row: Result, left: number, y: number, scale: number): string[] {
  const { value, baseline, limit } = row
  const centre = y + BAR + 3
  const middle = baseline ? y : y + BAR / 2
  const parts = [text(left - 8, centre, row.case, 'text-anchor="end"')]
  parts.push(...bar(left, middle, value * scale, COLOURS.ours, numberText(value)))
  if (baseline) {
    const label = `${numberText(baseline.value)} ${baseline.name}`
    parts.push(...bar(left, y + BAR + 1, baseline.value * scale, COLOURS.peer, label))
  }
  if (limit === undefined) return parts
  const x = left + limit * scale
  if (x > WIDTH - BEHIND + 1) {
    const far = `fill="${COLOURS.limit}" text-anchor="end"`
    return [...parts, text(WIDTH - MARGIN, centre, `limit ${numberText(limit)} →`, far)]
  }
  return [...parts, tick(x, y - 2, 2 * BAR + 5)]
}

function bar(x: number, y: number, length: number, colour: string, label: string): string[] {
  const width = Math.max(length, 1).toFixed(1)
  // The white outline keeps a number readable where the tick of the limit crosses it.
  const halo = 'font-size="10" stroke="#ffffff" stroke-width="2" paint-order="stroke"'
  return [
    `<rect x="${x}" y="${y}" width="${width}" height="${BAR}" fill="${colour}"/>`,
    text(x + length + 5, y + BAR - 0.5, label, halo),
  ]
}

function tick(x: number, y: number, height: number): string {
  return `<rect x="${(x - 1).toFixed(1)}" y="${y}" width="2" height="${height}" fill="${COLOURS.limit}"/>`
}

function legend(): string[] {
  const y = MARGIN
  const entry = (x: number, colour: string, name: string): string[] => [
    `<rect x="${x}" y="${y}" width="12" height="${BAR}" fill="${colour}"/>`,
    text(x + 17, y + BAR, name),
  ]
  return [
    ...entry(WIDTH - 320, COLOURS.ours, 'LLFT'),
    ...entry(WIDTH - 260, COLOURS.peer, 'beside it'),
    tick(WIDTH - 170, y - 2, BAR + 4),
    text(WIDTH - 162, y + BAR, 'limit of this machine'),
  ]
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped}</text>`
}
