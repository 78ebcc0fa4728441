import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Result } from '../src/result.js'

// The program as it is built: its workers are processes of their own, which run compiled files.
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))

test.each([
  ['gemm', 'f32 SmolLM2-135M k,v 192x576 1024 rows y', 1],
  ['gemm', 'nf4 SmolLM2-135M k,v 192x576 1024 rows dx', 1],
  ['gemm', 'f32 SmolLM2-135M q,o 576 r8 1024 rows', 4],
  ['attention', '4x256 forward', 4],
  ['bandwidth', 'bf16 add', 2],
  ['tokenize', 'demo', 2],
])('%s measures %s', (name, only, cases) => {
  const { lines, errors } = bench(name, '--rounds', '1', '--json', '--only', only)
  expect(lines.length, errors).toBe(cases + 1)
  for (const line of lines.slice(0, -1)) {
    expect(line).toMatchObject({ bench: name, metric: 'speed' })
    expect(line.case).toContain(only)
    expect(line.value).toBeGreaterThan(0)
  }
  expect(lines.at(-1)).toMatchObject({ bench: name, case: 'summary' })
})

test('an instruction set can be forced', () => {
  const { lines, errors } = bench(
    'gemm',
    '--isa',
    'portable',
    '--rounds',
    '1',
    '--json',
    '--only',
    'f32 SmolLM2-135M k,v 192x576 1024 rows y',
  )
  expect(lines.length, errors).toBe(2)
  expect(errors).toContain('instruction set portable')
})

test('one that this machine lacks is refused by name', () => {
  const { status, errors } = bench('gemm', '--isa', 'sse9')
  expect(status).toBe(1)
  expect(errors).toMatch(/LLFT_ISA: the value must be one of .*portable; got "sse9"/)
})

test.each([
  [2, ['nothing']],
  [2, ['gemm', '--rounds', '0']],
  [2, ['gemm', '--save', '--only', 'f32']],
  [1, ['gemm', '--only', 'no such case']],
])('ends with %i for %j', (status, args) => {
  const run = bench(...args)
  expect(run.status).toBe(status)
  expect(run.lines).toEqual([])
  expect(run.errors).not.toBe('')
})

function bench(...args: string[]): { status: number | null; lines: Result[]; errors: string } {
  // Without a real model, whatever this machine has.
  const env = { ...process.env, LLFT_MODELS: '', LLFT_BENCH_TEXT: undefined }
  const run = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', env })
  const lines = run.stdout.split('\n').filter(Boolean)
  return {
    status: run.status,
    lines: lines.map((line) => JSON.parse(line) as Result),
    errors: run.stderr,
  }
}
