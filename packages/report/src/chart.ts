import { escapeHtml } from './escape-html.js'

/** A line of a chart. */
export interface ChartLine {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  /** Of the classes of the page: 'main', 'second' or 'faint'. */
  readonly kind: 'main' | 'second' | 'faint'
  /** Whether each point has a mark. */
  readonly marks?: boolean
}

export interface Chart {
  readonly title: string
  readonly lines: readonly ChartLine[]
  readonly format: (value: number) => string
  /** Steps with a vertical line, such as that of the best checkpoint, and what it says. */
  readonly notes?: readonly { readonly x: number; readonly text: string }[]
}

const WIDTH = 720
const HEIGHT = 240
const LEFT = 64
const RIGHT = 12
const TOP = 12
const BOTTOM = 28
/** Width that the words beside a line take. */
const NOTE_ROOM = 60
/** Most points of a line that are drawn; of more, the lowest and the highest of equal parts. */
const MOST_POINTS = 1000

/** A chart over steps as SVG, without a script; empty where there is nothing to draw. */
export function chartSvg({ title, lines, format, notes = [] }: Chart): string {
  const drawn = lines
    .map((line) => ({ ...line, points: decimated(line.points.filter(isFinitePoint)) }))
    .filter(({ points }) => points.length > 0)
  const all = drawn.flatMap(({ points }) => points)
  if (all.length < 2) return ''
  const x = scaleOf(
    all.map(([at]) => at),
    LEFT,
    WIDTH - RIGHT,
  )
  const y = scaleOf(padded(all.map(([, at]) => at)), HEIGHT - BOTTOM, TOP)
  const place = ([at, value]: readonly [number, number]) =>
    `${x.place(at).toFixed(1)},${y.place(value).toFixed(1)}`
  const grid = y.ticks.map((tick) => {
    const at = y.place(tick).toFixed(1)
    return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/><text x="${LEFT - 8}" y="${at}" dy="4" text-anchor="end">${escapeHtml(format(tick))}</text>`
  })
  const steps = x.ticks
    .filter(Number.isInteger)
    .map(
      (tick) =>
        `<text x="${x.place(tick).toFixed(1)}" y="${HEIGHT - 8}" text-anchor="middle">${tick}</text>`,
    )
  const paths = drawn.map(({ kind, points, marks }) => {
    const line = `<polyline class="line ${kind}" points="${points.map(place).join(' ')}"/>`
    const dots = marks
      ? points.map(
          (point) =>
            `<circle class="dot ${kind}" r="3.5" cx="${place(point).split(',')[0]}" cy="${place(point).split(',')[1]}"><title>step ${point[0]}: ${escapeHtml(format(point[1]))}</title></circle>`,
        )
      : []
    return line + dots.join('')
  })
  const marked = notes.map(({ x: at, text }) => {
    const left = x.place(at).toFixed(1)
    // At the right edge the words stand before their line.
    const side = x.place(at) > WIDTH - RIGHT - NOTE_ROOM ? 'text-anchor="end" dx="-4"' : 'dx="4"'
    return `<line class="note" x1="${left}" x2="${left}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/><text class="note" x="${left}" y="${TOP + 10}" ${side}>${escapeHtml(text)}</text>`
  })
  const legend =
    drawn.length < 2
      ? ''
      : `<p class="legend">${drawn.map(({ kind, name }) => `<span class="key ${kind}">${escapeHtml(name)}</span>`).join('')}</p>`
  return `<figure><figcaption>${escapeHtml(title)}</figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)} over steps">${[...grid, ...steps, ...paths, ...marked].join('')}</svg>${legend}</figure>`
}

function isFinitePoint([x, y]: readonly [number, number]): boolean {
  return Number.isFinite(x) && Number.isFinite(y)
}

/** The lowest and the highest point of each part, in their order: peaks stay. */
function decimated(
  points: readonly (readonly [number, number])[],
): readonly (readonly [number, number])[] {
  if (points.length <= MOST_POINTS) return points
  const parts = MOST_POINTS / 2
  return Array.from({ length: parts }, (_, part) => {
    const start = Math.floor((part * points.length) / parts)
    const within = points.slice(start, Math.floor(((part + 1) * points.length) / parts))
    const low = within.reduce((a, b) => (b[1] < a[1] ? b : a))
    const high = within.reduce((a, b) => (b[1] > a[1] ? b : a))
    return low[0] <= high[0] ? [low, high] : [high, low]
  }).flat()
}

interface Scale {
  readonly ticks: readonly number[]
  readonly place: (value: number) => number
}

function scaleOf(values: readonly number[], from: number, to: number): Scale {
  const low = values.reduce((a, b) => Math.min(a, b))
  const high = values.reduce((a, b) => Math.max(a, b))
  const span = high - low || 1
  const step = niceStep(span / 5)
  const first = Math.ceil(low / step) * step
  const ticks = Array.from({ length: Math.floor((high - first) / step + 1e-9) + 1 }, (_, i) =>
    Number((first + i * step).toPrecision(12)),
  )
  return { ticks, place: (value) => from + ((value - low) / span) * (to - from) }
}

/** Some room above and below. */
function padded(values: readonly number[]): number[] {
  const low = values.reduce((a, b) => Math.min(a, b))
  const high = values.reduce((a, b) => Math.max(a, b))
  const room = (high - low || Math.abs(high) || 1) * 0.05
  return [low - room, high + room]
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough))
  const share = rough / power
  return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10)
}
