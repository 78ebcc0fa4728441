import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deviceInfo } from '@llft/runtime'
import type { Result, Summary } from './result.js'

/** benchmarks/results */
export const RESULTS_FOLDER = fileURLToPath(new URL('../results', import.meta.url))

/** Where, when and beside what a bench ran. */
export interface RunAbout {
  bench: string
  /** Such as 2026-01-31. */
  date: string
  cpu: string
  threads: number
  isa: string
  node: string
  rounds: number
  /** What the peers said of themselves, by package. */
  versions: Readonly<Record<string, string>>
}

/** A run as ISA/NAME.jsonl holds it: `about` on the first line, then a line for each result, the summary last. */
export interface SavedRun {
  about: RunAbout
  lines: (Result | Summary)[]
}

/** This machine and this moment. */
export function describeRun(
  bench: string,
  rounds: number,
  versions: Readonly<Record<string, string>>,
): RunAbout {
  const { isa, threads } = deviceInfo()
  const date = new Date().toISOString().slice(0, 10)
  const cpu = (cpus()[0]?.model ?? 'unknown').trim()
  return { bench, date, cpu, threads, isa, node: process.version, rounds, versions }
}

/** Where a run lies among the results: a folder for each instruction set. `extension`, such as `jsonl`, is of its files. */
export function runFile({ isa, bench }: RunAbout, extension: string): string {
  return `${isa}/${bench}.${extension}`
}

/** Takes the place of an earlier run of the same bench with the same instructions. Returns the path. */
export function saveRun(folder: string, { about, lines }: SavedRun): string {
  const path = join(folder, runFile(about, 'jsonl'))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, [about, ...lines].map((line) => `${JSON.stringify(line)}\n`).join(''))
  return path
}

/** Every run below the folder, by instruction set and name. */
export function readRuns(folder: string): SavedRun[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const names = files.filter((name) => name.endsWith('.jsonl'))
  return names.sort().map((name) => {
    const text = readFileSync(join(folder, name), 'utf8')
    const [about, ...lines] = text.split('\n').filter(Boolean)
    if (about === undefined) throw new Error(`bench: ${name} must hold a run; got an empty file.`)
    return {
      about: JSON.parse(about) as RunAbout,
      lines: lines.map((line) => JSON.parse(line) as Result | Summary),
    }
  })
}
