// Speed next to a peer's and to the machine's own limit.
import { parseArgs } from 'node:util'
import { attention } from './attention.js'
import { gemm } from './gemm.js'
import { decode, prefill } from './generation.js'
import { qlora7b } from './large.js'
import { type Bench, type Result, type Summary, summaryOf } from './result.js'
import { full, qlora, train } from './train.js'

/** A new bench is a file beside this one and a line here. */
const BENCHES: Record<string, Bench> = {
  train,
  qlora,
  full,
  decode,
  prefill,
  'qlora-7b': qlora7b,
  gemm,
  attention,
}

const USAGE = `Usage: npm run bench -- NAME [--baseline] [--json] [--rounds N] [--only TEXT]

NAME: ${Object.keys(BENCHES).join(', ')}.
--baseline  alternates with the peer in one run (LLFT_PYTHON names a Python with PEFT) and prints the ratio of medians
--json      one object a line, the last one the summary
--only      measures the cases whose name has TEXT in it`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      baseline: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '5' },
      only: { type: 'string' },
    },
  })
  const [name = ''] = positionals
  const bench = BENCHES[name]
  const rounds = Number(values.rounds)
  if (!bench || positionals.length > 1 || !Number.isInteger(rounds) || rounds < 1) {
    console.error(USAGE)
    return 2
  }
  const log = (text: string): void => console.error(text)
  const results = await bench({ baseline: values.baseline, rounds, only: values.only, log })
  const print = values.json ? printJson : printTable
  print([...results, summaryOf(name, results)])
  return 0
}

function printJson(lines: (Result | Summary)[]): void {
  for (const line of lines) console.log(JSON.stringify(line))
}

function printTable(lines: (Result | Summary)[]): void {
  for (const line of lines) {
    const speed = 'value' in line ? `${line.metric} ${line.value.toPrecision(4)} ${line.unit}` : ''
    const limit =
      line.ofLimit === undefined ? '' : `${(100 * line.ofLimit).toFixed(1)} % of the limit`
    const peer = 'baseline' in line ? (line.baseline?.name ?? '') : ''
    const ratio = line.ratio === undefined ? '' : `${line.ratio.toFixed(2)} x ${peer}`.trim()
    console.log([line.bench, line.case, speed, limit, ratio].filter(Boolean).join('  '))
  }
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  return 1
})
