import { numberText, percentText } from './number-text.js'
import type { Result, Summary } from './result.js'

/** For programs: one object a line. */
export function printJson(lines: readonly (Result | Summary)[]): void {
  for (const line of lines) console.log(JSON.stringify(line))
}

/** For people. */
export function printTable(lines: readonly (Result | Summary)[]): void {
  for (const line of lines) {
    const speed = 'value' in line ? `${line.metric} ${numberText(line.value)} ${line.unit}` : ''
    const limit = line.ofLimit === undefined ? '' : `${percentText(line.ofLimit)} of the limit`
    const peer = 'baseline' in line ? (line.baseline?.name ?? '') : ''
    const ratio = line.ratio === undefined ? '' : `${line.ratio.toFixed(2)} x ${peer}`.trim()
    console.log([line.bench, line.case, speed, limit, ratio].filter(Boolean).join('  '))
  }
}
