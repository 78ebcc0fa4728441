// Draws what a terminal showed as an SVG. Usage: node scripts/terminal-svg.mjs < captured.txt > docs/demo.svg
// Capture: script -qc "npm run demo" /dev/null > captured.txt
import { readFileSync } from 'node:fs'
import { displayWidth } from '../packages/terminal/dist/index.js'

const CELL = 8.4
const LINE = 19
const PAD = 16
const COLUMNS = 104
/** ESC [ number m: a style begins. */
const STYLE = new RegExp(`(${String.fromCharCode(27)}\\[\\d*m)`)

/** What each number changes. */
const STYLES = {
  0: { bold: false, dim: false, green: false },
  1: { bold: true },
  2: { dim: true },
  22: { bold: false, dim: false },
  32: { green: true },
  39: { green: false },
}

const lines = readFileSync(0, 'utf8')
  .replaceAll('\r\n', '\n')
  .split('\n')
  // A line that was rewritten shows what was written last.
  .map((line) => line.split('\r').filter(Boolean).at(-1)?.replace('\u001b[K', '') ?? '')

const height = lines.length * LINE + 2 * PAD
const width = COLUMNS * CELL + 2 * PAD
console.log(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Output of npm run demo">
<rect width="100%" height="100%" rx="8" fill="#16181d"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'Noto Sans Mono CJK SC', monospace" font-size="14" fill="#d8dee9" xml:space="preserve">`)
for (const [row, line] of lines.entries()) drawLine(line, PAD + (row + 0.75) * LINE)
console.log('</g>\n</svg>')

function drawLine(line, y) {
  let column = 0
  let style = {}
  for (const part of line.split(STYLE)) {
    const code = STYLE.test(part) ? part.slice(2, -1) : undefined
    if (code !== undefined) {
      style = { ...style, ...STYLES[Number(code)] }
      continue
    }
    // Wide characters stand at their own cells, whatever the font makes of them.
    for (const run of part.match(/[ -~]+|[^ -~]/gu) ?? []) {
      if (run.trim() !== '') drawRun(run, PAD + column * CELL, y, style)
      column += displayWidth(run)
    }
  }
}

function drawRun(text, x, y, { bold, dim, green }) {
  const fill = green ? ' fill="#a3be8c"' : dim ? ' fill="#7b8494"' : bold ? ' fill="#ffffff"' : ''
  const weight = bold ? ' font-weight="600"' : ''
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  console.log(
    `<text x="${x.toFixed(1)}" y="${y}" textLength="${(displayWidth(text) * CELL).toFixed(1)}"${fill}${weight}>${escaped}</text>`,
  )
}
