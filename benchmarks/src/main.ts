// Speed next to a peer's and to the machine's own limit.
import { relative } from 'node:path'
import { parseArgs } from 'node:util'
import { deviceInfo } from '@llft/runtime'
import { attention } from './attention.js'
import { bandwidth } from './bandwidth.js'
import { gemm } from './gemm.js'
import { decode, prefill } from './generation.js'
import { qlora7b } from './large.js'
import { load } from './load.js'
import { printJson, printTable } from './print-results.js'
import { writeReport } from './report.js'
import { type Bench, summaryOf } from './result.js'
import { describeRun, RESULTS_FOLDER, saveRun } from './saved-run.js'
import { tokenize } from './tokenize.js'
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
  bandwidth,
  load,
  tokenize,
}

const USAGE = `Usage: npm run bench -- NAME [--baseline] [--json] [--rounds N] [--only TEXT | --save]
                            [--isa NAME]
       npm run bench -- report

NAME: ${Object.keys(BENCHES).join(', ')}.
--baseline  alternates with the peer in one run (LLFT_PYTHON names a Python) and prints the ratio of medians
--json      one object a line, the last one the summary
--only      measures the cases whose name has TEXT in it
--save      writes benchmarks/results/ISA/NAME.jsonl as well, from which report writes tables and plots
--isa       forces an instruction set, as LLFT_ISA does, for ours and, where they can be told, for the peers`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      baseline: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '5' },
      only: { type: 'string' },
      save: { type: 'boolean', default: false },
      isa: { type: 'string' },
    },
  })
  const [name = ''] = positionals
  if (name === 'report' && positionals.length === 1) return report()
  const bench = BENCHES[name]
  const { baseline, only, save } = values
  const rounds = Number(values.rounds)
  const holds = Number.isInteger(rounds) && rounds > 0 && !(save && only !== undefined)
  if (!bench || positionals.length > 1 || !holds) {
    console.error(USAGE)
    return 2
  }
  if (values.isa !== undefined) process.env.LLFT_ISA = values.isa
  // Before any work: it throws where this machine lacks the instruction set.
  console.error(`instruction set ${deviceInfo().isa}`)
  const versions: Record<string, string> = {}
  const results = await bench({
    baseline,
    rounds,
    only,
    log: (text) => console.error(text),
    onVersions: (told) => Object.assign(versions, told),
  })
  if (results.length === 0) throw new Error(`bench: ${name} must have a case for '${only}'.`)
  const lines = [...results, summaryOf(name, results)]
  const print = values.json ? printJson : printTable
  print(lines)
  if (save) tellFile(saveRun(RESULTS_FOLDER, { about: describeRun(name, rounds, versions), lines }))
  return 0
}

function report(): number {
  for (const name of writeReport(RESULTS_FOLDER)) tellFile(`${RESULTS_FOLDER}/${name}`)
  return 0
}

function tellFile(path: string): void {
  console.error(`wrote ${relative('.', path)}`)
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  return 1
})
