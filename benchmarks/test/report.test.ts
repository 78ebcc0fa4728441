import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { reportOf } from '../src/report.js'
import { describeRun, readRuns, saveRun } from '../src/saved-run.js'

const FIXTURES = fileURLToPath(new URL('fixtures', import.meta.url))
const files = reportOf(readRuns(FIXTURES))

test('the report is a page and a plot for each run', () => {
  expect([...files.keys()]).toEqual(['README.md', 'avx2/train.svg', 'avx512/gemm.svg'])
})

test('every chapter, plot and link names the instruction set', () => {
  const page = files.get('README.md')!
  expect(page).toContain('## train, avx2\n')
  expect(page).toContain('![gemm, avx512: bars of the values below](avx512/gemm.svg)')
  expect(files.get('avx512/gemm.svg')).toContain('>gemm, avx512<')
})

test('the page tells machine, versions, values and what they are compared to', () => {
  const page = files.get('README.md')!.split('\n')
  expect(page).toContain(
    'A <fast> & small CPU, 2 threads, avx512, Node v20.19.0, 2026-01-31, 5 rounds; beside torch 2.13.0.',
  )
  expect(page).toContain('CPU, one thread, avx2, Node v22.0.0, 2026-01-31, one round.')
  expect(page).toContain('| f32 8x8 | speed | 150 GFLOP/s | 75.0 % | 1.50 x PyTorch |')
  expect(page).toContain('| f32 a\\|b <8x16> & more | speed | 12,350 GFLOP/s | 10.0 % |  |')
  expect(page).toContain('| LoRA | speed | 300 tokens/s |  |  |')
  expect(page).toContain('| LoRA | peak resident memory | 900 MB |  | PEFT: 1,800 MB |')
  expect(page.filter((line) => line.includes('summary'))).toEqual([])
})

test('bars are as long as their values, on one scale for each metric', () => {
  const widths = (colour: string) =>
    [...files.get('avx2/train.svg')!.matchAll(/width="([\d.]+)" height="9" fill="(#\w+)"/g)]
      .filter(([, , fill]) => fill === colour)
      .map(([, width]) => Number(width))
  // The first of a colour is that of the legend.
  const [, speed, ours] = widths('#2563eb')
  const [, theirs] = widths('#9ca3af')
  // Widths are written with one digit behind the point.
  expect(ours! / theirs!).toBeCloseTo(0.5, 3)
  expect(speed).toBe(theirs)
})

test('a limit far beyond the bars is told instead of drawn', () => {
  const svg = files.get('avx512/gemm.svg')!
  expect(svg).toContain('limit 123,500 →')
  expect(svg).not.toContain('limit 200 →')
})

test('a plot is well-formed', () => {
  const svg = files.get('avx512/gemm.svg')!
  expect(svg).toContain('f32 a|b &lt;8x16&gt; &amp; more')
  const left = svg
    .replace(/<(\w+)( [\w-]+="[^"<>]*")* ?\/>/g, '')
    .replace(/<(text|title)( [\w-]+="[^"<>]*")* ?>[^<>]*<\/\1>/g, '')
    .replace(/<svg( [\w-]+="[^"<>]*")*>([^<>]*)<\/svg>/, '$2')
  expect(left.trim()).toBe('')
})

test('a run is read as it was saved', () => {
  const folder = mkdtempSync(join(tmpdir(), 'llft-results-'))
  try {
    const about = describeRun('mine', 3, { torch: '2' })
    expect(about.date).toMatch(/^\d{4}-\d\d-\d\d$/)
    const value = { bench: 'mine', case: 'c', metric: 'speed', value: 1, unit: 'MB/s' }
    const run = { about, lines: [value, { bench: 'mine', case: 'summary' as const }] }
    const path = saveRun(folder, run)
    expect(path).toBe(join(folder, about.isa, 'mine.jsonl'))
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(4)
    expect(readRuns(folder)).toEqual([run])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
