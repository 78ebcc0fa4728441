// Compiles every program in the documents as strictly as TypeScript can, with the packages that its reader installs and no
// others, and runs it on a small model. Usage: node scripts/check-snippets.mjs [TEXT...], of documents whose path has it.
// Needs a build. A document's programs run one after the other in one folder, as a reader would run them.
import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { documents, furnish, installedBy, programsOf, STRICTEST } from './snippets.mjs'
import { ROOT } from './stage.mjs'

const RUN_LIMIT_MS = 60_000
const filters = process.argv.slice(2)
const chosen = documents().filter(
  (document) => filters.length === 0 || filters.some((text) => document.includes(text)),
)
const work = mkdtempSync(join(tmpdir(), 'llft-snippets-'))
try {
  const programs = chosen.flatMap(layOut)
  const errors = await compile(programs)
  const problems = [...errors.values()]
  await inParallel(chosen, async (document) => {
    for (const program of programs.filter((one) => one.document === document)) {
      if (!program.runs || errors.has(program.file)) continue
      const problem = await run(program)
      if (problem !== undefined) problems.push(problem)
    }
  })
  report(programs, problems)
} finally {
  rmSync(work, { recursive: true, force: true })
}

/** A folder for the document, with a file for each of its programs. */
function layOut(document) {
  const folder = join(work, document.replaceAll('/', '_'))
  const programs = programsOf(document)
  furnish(folder, programs)
  for (const name of installedBy(document)) link(folder, name)
  return programs.map((program) => {
    const file = join(folder, `line-${program.line}.ts`)
    writeFileSync(file, program.source)
    return { ...program, folder, file }
  })
}

function link(folder, name) {
  const target = name.startsWith('@llft/')
    ? join(ROOT, 'packages', basename(name))
    : readdirSync(join(ROOT, 'packages'))
        .map((one) => join(ROOT, 'packages', one, 'node_modules', name))
        .find((path) => existsSync(path))
  if (target === undefined) return
  const path = join(folder, 'node_modules', name)
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
}

/** @returns {Promise<Map<string, string>>} the errors by file; those of declaration files are ours as well. */
async function compile(programs) {
  mkdirSync(join(work, 'node_modules', '@types'), { recursive: true })
  symlinkSync(
    join(ROOT, 'node_modules', '@types', 'node'),
    join(work, 'node_modules', '@types', 'node'),
  )
  writeFileSync(join(work, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  const files = programs.map(({ file }) => file)
  writeFileSync(
    join(work, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...STRICTEST, inlineSourceMap: true }, files }),
  )
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  const { output } = await node([tsc, '-p', work, '--pretty', 'false'], work)
  const errors = new Map()
  for (const line of output.split('\n').filter((one) => one !== '')) {
    const path = /^(\S.*?)\(\d+,\d+\): /.exec(line)?.[1]
    const file = path === undefined ? [...errors.keys()].at(-1) : join(work, path)
    errors.set(file, `${errors.has(file) ? `${errors.get(file)}\n` : ''}${located(line, programs)}`)
  }
  return errors
}

/** What the program said, if it did not end well. */
async function run(program) {
  const script = program.file.replace(/\.ts$/, '.js')
  const { code, output } = await node(['--enable-source-maps', script], program.folder)
  if (code === 0) return undefined
  return `${program.document}:${program.line}: must run; got exit ${code}:\n${located(output, [program])}`
}

function node(args, cwd) {
  return new Promise((resolve) => {
    const options = { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: RUN_LIMIT_MS }
    const child = spawn(process.execPath, args, options)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data))
    child.on('close', (code, signal) => resolve({ code: code ?? signal, output }))
  })
}

/** Names documents in the place of the files that were made of them: the lines are the same. */
function located(text, programs) {
  return programs.reduce(
    (result, { document, file }) =>
      result.replaceAll(file, document).replaceAll(file.slice(work.length + 1), document),
    text,
  )
}

async function inParallel(items, work) {
  const queue = [...items]
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
}

function report(programs, problems) {
  for (const problem of problems) console.log(`${problem}\n`)
  const notRun = programs.filter(({ runs }) => !runs).length
  console.log(
    `${programs.length} programs in ${chosen.length} documents, ${notRun} of them not run`,
  )
  console.log(`${programs.length - problems.length} passed, ${problems.length} failed`)
  process.exitCode = problems.length > 0 || programs.length === 0 ? 1 : 0
}
