// The programs in the documents, and a folder in which they can run. A ```ts block that begins with an import begins a
// program; one without goes on with the program before it. ```ts no-run is compiled alone.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './stage.mjs'

const BLOCK = /^```ts( no-run)?\n([\s\S]*?)^```$/gm
const ROWS = [
  ['What is the capital of France?', 'The capital of France is Paris.'],
  ['What is the capital of Italy?', 'The capital of Italy is Rome.'],
  ['What is the capital of Japan?', 'The capital of Japan is Tokyo.'],
  ['What is the capital of Kenya?', 'The capital of Kenya is Nairobi.'],
]

/** How the strictest of readers compiles. */
export const STRICTEST = {
  target: 'ES2022',
  module: 'NodeNext',
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  skipLibCheck: false,
}

/**
 * @typedef {object} Program
 * @property {string} document path from the root
 * @property {number} line where it begins
 * @property {string} source every line of it stands where it stands in the document
 * @property {boolean} runs
 */

/** Paths from the root of the documents that hold snippets. */
export function documents() {
  const inside = (folder) => readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.md'))
  return [
    ...inside('.'),
    ...inside('docs').map((name) => `docs/${name}`),
    ...readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}/README.md`),
  ].filter((document) => programsOf(document).length > 0)
}

/** @returns {Program[]} */
export function programsOf(document) {
  const programs = []
  const text = readFileSync(join(ROOT, document), 'utf8')
  for (const { 1: mark, 2: source, index } of text.matchAll(BLOCK)) {
    const line = newlines(text.slice(0, index)) + 2
    if (programs.length === 0 || source.startsWith('import ')) {
      programs.push({ document, line, source: '', runs: true })
    }
    const program = programs.at(-1)
    program.source += '\n'.repeat(line - 1 - newlines(program.source)) + source
    program.runs &&= mark === undefined
  }
  return programs
}

/** Names of the packages that a reader of the document has: those of its `npm install`, or else the one it is about. */
export function installedBy(document) {
  const text = readFileSync(join(ROOT, document), 'utf8')
  const installs = text.matchAll(/npm install ([^`\n&]+)/g)
  const names = [...new Set([...installs].flatMap(([, list]) => list.trim().split(' ')))]
  const ours = names.filter((name) => name.startsWith('@llft/'))
  if (ours.length > 0) return names
  return [`@llft/${/^packages\/(\w+)\//.exec(document)?.[1] ?? 'lora'}`]
}

/** Puts what the programs read into `folder`: the small model of the demo under each name they use, and data. */
export function furnish(folder, programs) {
  mkdirSync(folder, { recursive: true })
  const named = programs.flatMap(({ source }) => [...source.matchAll(/'(models\/[\w.-]+)[/']/g)])
  for (const [, model] of named) {
    if (existsSync(join(folder, model))) continue
    cpSync(join(ROOT, 'demo', 'model'), join(folder, model), { recursive: true })
  }
  const rows = Array.from({ length: 5 }, () => ROWS).flat()
  const lines = rows.map(([instruction, output]) => JSON.stringify({ instruction, output }))
  writeFileSync(join(folder, 'train.jsonl'), `${lines.join('\n')}\n`)
}

function newlines(text) {
  return text.split('\n').length - 1
}
