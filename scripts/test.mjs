// npm test [-- FILTER...]: vitest and the native tests; ends with one line of true totals.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bootstrap } from './bootstrap.mjs'
import { CACHE, ROOT, stage, tail } from './stage.mjs'

const filters = process.argv.slice(2)

await bootstrap({ nativeTests: true })
const results = [await runVitest(), ...(filters.length === 0 ? [await runNative()] : [])]
const sum = (key) => results.reduce((total, result) => total + result[key], 0)
const skipped = sum('skipped')
console.log(
  `${sum('passed')} passed, ${sum('failed')} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
)
process.exit(sum('failed') > 0 || sum('passed') === 0 ? 1 : 0)

async function runVitest() {
  const json = join(CACHE, 'vitest.json')
  rmSync(json, { force: true })
  const command = [
    join(ROOT, 'node_modules', '.bin', 'vitest'),
    'run',
    ...filters,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${json}`,
  ]
  const { code, output } = await stage('vitest', command, { mayFail: true, env: { NO_COLOR: '1' } })
  const totals = existsSync(json)
    ? vitestTotals(JSON.parse(readFileSync(json, 'utf8')))
    : { passed: 0, failed: 0, skipped: 0 }
  if (code !== 0 && totals.failed === 0) totals.failed = 1
  if (totals.failed > 0) console.log(`\n${tail(output, 200)}\n`)
  return totals
}

/** A file that fails before its first test counts as one failure. */
function vitestTotals(report) {
  const broken = report.testResults.filter(
    (file) =>
      file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  )
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
  }
}

/** On the CPU, and once more on a device whose memory nothing but its own kernels can reach. */
async function runNative() {
  const onCpu = await runNativeOn('cpu', 'native tests')
  const onGuarded = await runNativeOn('guarded', 'native tests, guarded device')
  return {
    passed: onCpu.passed + onGuarded.passed,
    failed: onCpu.failed + onGuarded.failed,
    skipped: 0,
  }
}

async function runNativeOn(device, name) {
  const binary = join(ROOT, 'native', 'build', 'llft_tests')
  const { code, output } = await stage(name, [binary, '--reporters=xml', '--no-colors'], {
    mayFail: true,
    env: { LLFT_TEST_DEVICE: device },
  })
  const totals = doctestTotals(output)
  if (code !== 0 && totals.failed === 0) totals.failed = 1
  if (totals.failed > 0) console.log(`\n${tail(output, 200)}\n`)
  return totals
}

function doctestTotals(xml) {
  const summary = /<OverallResultsTestCases successes="(\d+)" failures="(\d+)"/.exec(xml)
  return { passed: Number(summary?.[1] ?? 0), failed: Number(summary?.[2] ?? 0), skipped: 0 }
}
