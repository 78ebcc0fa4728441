// Compares LLFT with what PyTorch, transformers and PEFT said of the same models.
import { parseArgs } from 'node:util'
import type { ComputeDtype } from './bounds.js'
import { findCases, readCase } from './cases.js'
import { type Failure, type Finding, holds, printJson, printTable } from './report.js'
import { BASES, type Base, runBaseCase } from './run-base.js'
import { requireIsa, runCase } from './run-case.js'

const USAGE = `Usage: npm run golden -- DIR [--json] [--dtype float32|bfloat16] [--isa NAME] [--models DIR] [--base nf4|nf4-double|fp4|int8]

DIR holds one folder per case: expect.safetensors, expect.json, adapter/, and the model itself unless
expect.json names one under --models. With --base, the model is quantised and compared with its own dequantised weights as
floats. Exit code 1 if an error is beyond its bound or a case cannot run.`

const DTYPES: readonly string[] = ['float32', 'bfloat16'] satisfies ComputeDtype[]

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      dtype: { type: 'string', default: 'float32' },
      isa: { type: 'string' },
      models: { type: 'string' },
      base: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const [folder] = positionals
  if (
    values.help ||
    folder === undefined ||
    positionals.length > 1 ||
    !DTYPES.includes(values.dtype) ||
    (values.base !== undefined && !Object.hasOwn(BASES, values.base))
  ) {
    console.error(USAGE)
    return values.help ? 0 : 2
  }
  // Read when the addon loads, which is at the first op.
  if (values.isa) process.env.LLFT_ISA = values.isa
  if (values.isa) requireIsa(values.isa)
  const findings: Finding[] = []
  const failures: Failure[] = []
  for (const name of findCases(folder)) {
    try {
      const golden = await readCase(folder, name, values.models)
      const dtype = values.dtype as ComputeDtype
      const run =
        values.base === undefined
          ? runCase(golden, dtype)
          : runBaseCase(golden, dtype, values.base as Base)
      findings.push(...(await run))
    } catch (error) {
      failures.push({ case: name, failure: error instanceof Error ? error.message : String(error) })
    }
  }
  ;(values.json ? printJson : printTable)(findings, failures)
  return failures.length === 0 && findings.every(holds) ? 0 : 1
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  return 2
})
