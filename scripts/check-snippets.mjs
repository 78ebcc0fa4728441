// Compiles every TypeScript block of README.md, docs and the packages' READMEs as a stranger's strict program, and runs it
// on a small model. Examples and tests/types are compiled in the same way.
//
// A block that imports something begins a program; one that does not goes on with the one before it in the same file. A
// block marked `ts no-run` is compiled only.
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { CACHE, ROOT } from './stage.mjs'

const WORK = join(CACHE, 'snippets')
const MODEL = join(ROOT, 'demo', 'model')
/** Where the documents have a model, and what their data is called. */
const MODELS = [
  'model',
  'SmolLM2-135M-Instruct',
  'models/SmolLM2-135M-Instruct',
  'models/Llama-3.2-1B-Instruct',
]

rmSync(WORK, { recursive: true, force: true })
prepare()
const programs = documents().flatMap(programsOf)
for (const { name, text } of programs) writeFileSync(join(WORK, `${name}.ts`), text)
for (const path of ['tests/types', 'examples'].flatMap(typescriptOf)) {
  cpSync(join(ROOT, path), join(WORK, path.replaceAll('/', '-')))
}
compile()
let failed = 0
for (const program of programs.filter(({ runs }) => runs)) if (!run(program)) failed++
const ran = programs.filter(({ runs }) => runs).length
console.log(`${programs.length} programs of the documents compile, ${ran - failed} of ${ran} run`)
process.exit(failed > 0 ? 1 : 0)

function documents() {
  const own = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)]
  const packages = readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}/README.md`)
  return [...own, ...packages].filter((path) => path.endsWith('.md'))
}

/** @param {string} folder */
function typescriptOf(folder) {
  const names = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.ts'))
  return names.map((name) => join(folder, name))
}

/** @param {string} path */
function programsOf(path) {
  /** @type {{ name: string, place: string, text: string, runs: boolean }[]} */
  const found = []
  const lines = readFileSync(join(ROOT, path), 'utf8').split('\n')
  for (let at = 0; at < lines.length; at++) {
    const fence = /^```ts( no-run)?$/.exec(lines[at] ?? '')
    if (fence === null) continue
    const end = lines.indexOf('```', at)
    const text = `${lines.slice(at + 1, end).join('\n')}\n`
    const last = found.at(-1)
    if (last !== undefined && !/^import /m.test(text)) {
      last.text += text
    } else {
      const name = `${path.replace(/\.md$/, '').replaceAll('/', '-')}-${at + 1}`
      found.push({ name, place: `${path}:${at + 1}`, text: `${text}export {}\n`, runs: true })
    }
    if (fence[1] !== undefined) /** @type {any} */ (found.at(-1)).runs = false
    at = end
  }
  return found
}

function prepare() {
  const scope = join(WORK, 'node_modules', '@llft')
  mkdirSync(scope, { recursive: true })
  mkdirSync(join(WORK, 'models'), { recursive: true })
  for (const name of readdirSync(join(ROOT, 'packages'))) {
    symlinkSync(join(ROOT, 'packages', name), join(scope, name))
  }
  symlinkSync(
    join(ROOT, 'packages', 'options', 'node_modules', 'zod'),
    join(WORK, 'node_modules', 'zod'),
  )
  mkdirSync(join(WORK, 'node_modules', '@types'))
  symlinkSync(
    join(ROOT, 'node_modules', '@types', 'node'),
    join(WORK, 'node_modules', '@types', 'node'),
  )
  for (const model of MODELS) symlinkSync(MODEL, join(WORK, model))
  for (const name of ['config.json', 'model.safetensors']) {
    symlinkSync(join(MODEL, name), join(WORK, name))
  }
  const rows = Array.from({ length: 24 }, (_, i) => ({
    instruction: `What is number ${i}?`,
    output: `It is ${'abcdefgh'[i % 8]}.`,
  }))
  writeFileSync(join(WORK, 'train.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'))
  writeFileSync(join(WORK, 'package.json'), JSON.stringify({ type: 'module', private: true }))
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node'],
    skipLibCheck: false,
    outDir: 'dist',
    rootDir: '.',
  }
  writeFileSync(join(WORK, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
}

function compile() {
  const tsc = join(ROOT, 'node_modules', '.bin', 'tsc')
  const { status, stdout } = spawnSync(tsc, ['-p', WORK, '--pretty', 'false'], { encoding: 'utf8' })
  if (status === 0) return
  console.error(`A program of the documents does not compile (name: file and line):\n${stdout}`)
  process.exit(1)
}

/** @param {{ name: string, place: string }} program */
function run({ name, place }) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join('dist', `${name}.js`)], {
    cwd: WORK,
    encoding: 'utf8',
    timeout: 120_000,
  })
  if (status === 0) return true
  console.error(`${place} fails with exit code ${status}:\n${stdout}${stderr}`)
  return false
}
