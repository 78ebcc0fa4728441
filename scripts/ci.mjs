// Every check of a change, one after the other; a failed one does not stop the rest. Usage: .ci/run [NAME...]
// Beside the clone, ../shared may hold a real model, data and reference cases: the checks that need them then run too.
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { bootstrap } from './bootstrap.mjs'
import { CACHE, ROOT, stage, tail } from './stage.mjs'

const SHARED = process.env.LLFT_SHARED ?? resolve(ROOT, '..', 'shared')
const MODELS = process.env.LLFT_MODELS ?? join(CACHE, 'models')
const BIN = join(ROOT, 'node_modules', '.bin')
const node = (script, ...args) => [process.execPath, join('scripts', script), ...args]
const GOLDEN = [process.execPath, join('tests', 'golden', 'dist', 'main.js')]
const totals = { passed: 0, failed: 0, skipped: 0 }
const only = process.argv.slice(2)

await bootstrap({ nativeTests: true })
const shared = await prepareShared()
const env = shared ? { LLFT_SHARED: SHARED, LLFT_MODELS: MODELS } : {}

await suite('test', node('test.mjs'), env)
await check('lint', [join(BIN, 'biome'), 'ci', '--colors=off', '.'])
await check('types', [join(BIN, 'tsc'), '-p', 'tsconfig.check.json'])
await check('native format', node('check-native-format.mjs'))
await check('arrows', node('check-arrows.mjs'))
await suite('snippets of documents', node('check-snippets.mjs'))
await check('lockfile names no hosts', node('check-lockfile.mjs'))
for (const sanitizer of ['address,undefined', 'thread']) await sanitized(sanitizer)
await check('packages', node('check-packages.mjs'))
await check('demo', node('demo.mjs', '--check'))
for (const example of examples())
  await check(
    `example ${example}`,
    // A conversation ends with its input.
    [
      'sh',
      '-c',
      `printf 'Hello\\nAnd you?\\n/exit\\n' | '${process.execPath}' examples/dist/${example}.js`,
    ],
    env,
  )
await suite('faults', [process.execPath, join('tests', 'faults', 'dist', 'main.js')])
for (const isa of await isas()) await golden(isa)
for (const base of ['nf4', 'nf4-double', 'fp4', 'int8']) {
  const cases = shared ? join(SHARED, 'golden', 'models') : join('tests', 'golden', 'models')
  await check(`golden base ${base}`, [...GOLDEN, cases, '--base', base])
}

console.log(
  `${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`,
)
process.exit(totals.failed > 0 ? 1 : 0)

function wanted(title) {
  return only.length === 0 || only.some((name) => title.includes(name))
}

/** A check that passes or fails as a whole. */
async function check(title, command, environment = {}) {
  if (!wanted(title)) return
  const { code, output } = await stage(title, command, { mayFail: true, env: environment })
  if (code === 0) totals.passed++
  else fail(output)
}

/** A check that ends with its own totals. */
async function suite(title, command, environment) {
  if (!wanted(title)) return
  const { code, output } = await stage(title, command, { mayFail: true, env: environment })
  const line = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/m.exec(output)
  totals.passed += Number(line?.[1] ?? 0)
  totals.skipped += Number(line?.[3] ?? 0)
  const failed = Number(line?.[2] ?? 0) || (code === 0 ? 0 : 1)
  if (failed > 0) fail(output, failed)
}

function fail(output, count = 1) {
  totals.failed += count
  console.log(`\n${tail(output)}\n`)
}

/** The native tests under a sanitizer, in a build of their own. */
async function sanitized(sanitizer) {
  const title = `native tests under ${sanitizer}`
  if (!wanted(title)) return
  const folder = join('native', `build-${sanitizer.replace(',', '-')}`)
  const flags = [
    '-DLLFT_ADDON=OFF',
    '-DLLFT_TESTS=ON',
    `-DLLFT_SANITIZE=${sanitizer}`,
    '-DCMAKE_BUILD_TYPE=RelWithDebInfo',
    '-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1',
  ]
  const jobs = String(availableParallelism())
  const built =
    (await passes(`configure ${sanitizer}`, ['cmake', '-S', 'native', '-B', folder, ...flags])) &&
    (await passes(`build ${sanitizer}`, [
      'cmake',
      '--build',
      folder,
      '--target',
      'llft_tests',
      '-j',
      jobs,
    ]))
  if (!built) return
  await check(title, [join(ROOT, folder, 'llft_tests'), '--no-colors'], {
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
    ASAN_OPTIONS: 'detect_leaks=1:allocator_may_return_null=1',
    TSAN_OPTIONS: 'halt_on_error=1:allocator_may_return_null=1',
  })
}

/** A step that others need: counted only if it fails. */
async function passes(title, command) {
  const { code, output } = await stage(title, command, { mayFail: true })
  if (code !== 0) fail(output)
  return code === 0
}

async function prepareShared() {
  const unpack = join(SHARED, 'models', 'unpack.mjs')
  if (!existsSync(unpack)) return false
  mkdirSync(MODELS, { recursive: true })
  return passes('unpack the real model', [process.execPath, unpack, MODELS])
}

function examples() {
  return readdirSync(join(ROOT, 'examples'))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.slice(0, -3))
    .sort()
}

/** Every instruction set that this build has and this machine runs. */
async function isas() {
  const { deviceInfo } = await import('../tests/golden/node_modules/@llft/runtime/dist/index.js')
  return deviceInfo().isas
}

async function golden(isa) {
  const own = join('tests', 'golden', 'models')
  for (const dtype of ['float32', 'bfloat16']) {
    const options = ['--dtype', dtype, '--isa', isa]
    await check(`golden ${dtype} ${isa}`, [...GOLDEN, own, ...options])
    if (!shared) continue
    const models = join(SHARED, 'golden', 'models')
    await check(`golden models ${dtype} ${isa}`, [...GOLDEN, models, ...options])
    const checkpoints = [join(SHARED, 'golden', 'checkpoints'), '--models', MODELS]
    await check(`golden checkpoints ${dtype} ${isa}`, [...GOLDEN, ...checkpoints, ...options])
  }
}
