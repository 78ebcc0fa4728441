import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { barChart } from './bar-chart.js'
import { numberText, percentText } from './number-text.js'
import type { Result } from './result.js'
import { type RunAbout, readRuns, runFile, type SavedRun } from './saved-run.js'

const HEAD = `# Results

Written by \`npm run bench -- report\` from the \`.jsonl\` files in the folders beside it, one for each instruction set, which
\`npm run bench -- NAME --isa ISA --save\` writes.
Each value is the median of the rounds; ours and the peer took turns in one run. The limit follows from what the same
machine reached during the run: at best in registers, typically (the median) from memory, which others share. Of speed more is
better, of memory and time less.
`

/** Writes README.md and the plots from the runs of the folder. Returns the names of the files. */
export function writeReport(folder: string): string[] {
  const files = reportOf(readRuns(folder))
  for (const [name, content] of files) writeFileSync(join(folder, name), content)
  return [...files.keys()]
}

/** The files of the report by name: README.md and an SVG for each run. */
export function reportOf(runs: readonly SavedRun[]): Map<string, string> {
  const files = new Map([['README.md', [HEAD, ...runs.map(chapter)].join('\n')]])
  for (const run of runs) {
    files.set(runFile(run.about, 'svg'), barChart(titleOf(run.about), resultsOf(run)))
  }
  return files
}

function chapter(run: SavedRun): string {
  const title = titleOf(run.about)
  const rows = resultsOf(run).map(tableRow)
  return `## ${title}

${conditions(run.about)}

![${title}: bars of the values below](${runFile(run.about, 'svg')})

| Case | Metric | Value | Of the limit | Beside it |
|---|---|--:|--:|--:|
${rows.join('\n')}
`
}

/** No figure without the instruction set that it was taken with. */
function titleOf({ bench, isa }: RunAbout): string {
  return `${bench}, ${isa}`
}

function resultsOf({ lines }: SavedRun): Result[] {
  return lines.filter((line) => 'value' in line)
}

function conditions({ date, cpu, threads, isa, node, rounds, versions }: RunAbout): string {
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const rest = peers.length === 0 ? '' : `; beside ${peers.join(', ')}`
  const often = rounds === 1 ? 'one round' : `${rounds} rounds`
  const count = threads === 1 ? 'one thread' : `${threads} threads`
  return `${cpu}, ${count}, ${isa}, Node ${node}, ${date}, ${often}${rest}.`
}

function tableRow(result: Result): string {
  const { metric, value, unit, ofLimit } = result
  const limit = ofLimit === undefined ? '' : percentText(ofLimit)
  const cells = [result.case, metric, `${numberText(value)} ${unit}`, limit, peerText(result)]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

/** A ratio of speeds, or the peer's own figure where more is not better. */
function peerText({ ratio, baseline, unit }: Result): string {
  if (baseline === undefined) return ''
  if (ratio === undefined) return `${baseline.name}: ${numberText(baseline.value)} ${unit}`
  return `${ratio.toFixed(2)} x ${baseline.name}`
}
