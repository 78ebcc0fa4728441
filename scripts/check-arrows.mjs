// The direction of every import: between packages, within the runtime, and between the folders of the native library; and
// that no files import each other in a circle.
// Prints each import that points the wrong way and exits 1. The picture in ARCHITECTURE.md must draw the same arrows.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkDrawnArrows } from './drawn-arrows.mjs'
import { cyclesIn } from './import-cycles.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** What each package may import of ours. */
const PACKAGES = {
  errors: [],
  terminal: [],
  options: ['errors'],
  input: ['errors'],
  safetensors: ['errors', 'input', 'options'],
  gguf: ['errors', 'safetensors'],
  tokenizer: ['errors', 'input', 'options'],
  native: ['errors'],
  data: ['errors', 'input', 'options', 'tokenizer'],
  runtime: ['errors', 'input', 'options', 'native', 'safetensors'],
  quant: ['errors', 'input', 'options', 'runtime', 'safetensors'],
  train: ['errors', 'input', 'options', 'data', 'tokenizer', 'runtime', 'quant', 'safetensors'],
  lora: [
    'errors',
    'input',
    'options',
    'train',
    'data',
    'tokenizer',
    'runtime',
    'quant',
    'safetensors',
  ],
  report: ['errors', 'input', 'safetensors', 'train'],
  config: ['errors', 'input', 'options', 'quant', 'train', 'lora'],
  /** The one program that a package is built on: it lies beside the others, and is published. */
  demo: [
    'errors',
    'input',
    'options',
    'terminal',
    'safetensors',
    'tokenizer',
    'data',
    'native',
    'runtime',
    'quant',
    'train',
    'lora',
  ],
  cli: [
    'config',
    'demo',
    'report',
    'errors',
    'input',
    'terminal',
    'safetensors',
    'tokenizer',
    'data',
    'runtime',
    'quant',
    'train',
    'lora',
  ],
}
/** Programs on top of the packages: they may import every one, and nothing imports them. */
const PROGRAMS = ['benchmarks', 'examples', 'tests/faults', 'tests/golden']

/** What a folder of the runtime may import of the runtime; a folder that is not here may import all. */
const RUNTIME = {
  models: ['models', 'nn', 'ops', 'tensor', 'scope', 'autograd'],
  nn: ['nn', 'ops', 'tensor', 'scope', 'autograd'],
  ops: ['ops', 'tensor', 'scope', 'autograd', 'native', 'device', 'host-data'],
}
/** The rooms of the runtime that may call the addon. */
const TOUCHES_ADDON = ['native', 'tensor', 'paged-tensors', 'device', 'ops', 'checkpoint']

/** What each folder of native/src may include of native/src. The first that a file lies in counts. */
const NATIVE = [
  { folder: 'binding', may: ['binding', 'core', 'cpu'] },
  { folder: 'core/ops', may: ['core', 'core/kernels', 'core/ops'] },
  { folder: 'core/kernels', may: ['core', 'core/kernels'] },
  { folder: 'cpu', may: ['cpu', 'core', 'core/kernels'] },
  { folder: 'core', may: ['core', 'core/kernels'] },
]

const problems = [...checkTypeScript(), ...checkNative()]
for (const problem of problems) console.log(problem)
console.log(
  problems.length === 0
    ? 'arrows: all imports point down'
    : `arrows: ${problems.length} point the wrong way`,
)
process.exit(problems.length === 0 ? 0 : 1)

function* checkTypeScript() {
  for (const name of readdirSync(join(ROOT, 'packages'))) {
    const folder = join(ROOT, 'packages', name)
    if (!existsSync(join(folder, 'package.json'))) continue
    const allowed = PACKAGES[name]
    if (!allowed) yield `packages/${name}: has no arrows in scripts/check-arrows.mjs`
    else yield* checkPackage(folder, allowed)
  }
  for (const problem of checkDrawnArrows(join(ROOT, 'ARCHITECTURE.md'), PACKAGES))
    yield `ARCHITECTURE.md: ${problem}`
  yield* checkPackage(join(ROOT, 'demo'), PACKAGES.demo)
  for (const name of PROGRAMS) yield* checkPackage(join(ROOT, name), Object.keys(PACKAGES))
}

function* checkPackage(folder, allowed) {
  yield* checkCycles(join(folder, 'src'))
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  for (const file of filesUnder(join(folder, 'src'), '.ts')) {
    const at = relative(ROOT, file)
    for (const { target, typeOnly } of importsOf(file)) {
      if (target.startsWith('.')) yield* checkRelative(folder, file, target)
      else if (target.startsWith('@llft/')) {
        // A package may have doors besides its index.
        const [, name] = target.split('/')
        if (!allowed.includes(name)) yield `${at}: must not import ${target}`
        else if (!manifest.dependencies?.[`@llft/${name}`])
          yield `${at}: imports ${target}, which package.json does not list`
        if (
          name === 'native' &&
          !typeOnly &&
          !['native.ts', 'index.ts', 'device.ts'].includes(relative(join(folder, 'src'), file))
        ) {
          yield `${at}: only native.ts loads the addon`
        }
      }
    }
  }
}

/** Files that import each other in a circle, types counted: none can be read, tested or moved alone. */
function* checkCycles(source) {
  const graph = new Map()
  for (const file of filesUnder(source, '.ts')) {
    const relatives = importsOf(file).filter(({ target }) => target.startsWith('.'))
    const files = relatives.map(({ target }) => normalize(join(dirname(file), target)))
    graph.set(
      file,
      files.map((path) => path.replace(/\.js$/, '.ts')),
    )
  }
  for (const cycle of cyclesIn(graph)) {
    const names = cycle.map((file) => relative(source, file)).sort()
    yield `${relative(ROOT, source)}: ${names.join(', ')} import each other in a circle`
  }
}

function* checkRelative(folder, file, target) {
  const source = join(folder, 'src')
  const resolved = normalize(join(dirname(file), target))
  if (relative(source, resolved).startsWith('..')) {
    yield `${relative(ROOT, file)}: ${target} leaves the package`
    return
  }
  if (!folder.endsWith(`${sep}runtime`)) return
  const from = room(relative(source, file))
  const to = room(relative(source, resolved))
  if (RUNTIME[from] && !RUNTIME[from].includes(to))
    yield `${relative(ROOT, file)}: ${from} must not import ${target}`
  if (to === 'native' && !TOUCHES_ADDON.includes(from))
    yield `${relative(ROOT, file)}: must not touch the addon`
}

/** The folder directly under src, or the name of a file that lies there. */
function room(path) {
  return path.split(sep)[0].replace(/\.(ts|js)$/, '')
}

function importsOf(file) {
  const text = readFileSync(file, 'utf8')
  const found = []
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'/gm)) {
    found.push({ target: match[2], typeOnly: match[1] !== undefined })
  }
  for (const match of text.matchAll(/\bimport\s*\(?\s*'([^']+)'/g))
    found.push({ target: match[1], typeOnly: false })
  return found
}

function* checkNative() {
  const source = join(ROOT, 'native', 'src')
  for (const file of filesUnder(source, '.h', '.cc')) {
    const path = relative(source, file).split(sep).join('/')
    const rule = NATIVE.find(({ folder }) => path.startsWith(`${folder}/`))
    if (!rule) {
      yield `native/src/${path}: lies in no folder that has arrows`
      continue
    }
    for (const [, included] of readFileSync(file, 'utf8').matchAll(
      /^\s*#\s*include\s+[<"]([^>"]+)[>"]/gm,
    )) {
      if (included === 'napi.h' && rule.folder !== 'binding')
        yield `native/src/${path}: only binding includes napi.h`
      if (!existsSync(join(source, included))) continue
      const folder = dirname(included)
      if (
        !rule.may.some(
          (allowed) =>
            folder === allowed || (allowed !== 'core' && folder.startsWith(`${allowed}/`)),
        )
      ) {
        yield `native/src/${path}: ${rule.folder} must not include ${included}`
      }
    }
  }
}

function* filesUnder(folder, ...endings) {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
      yield join(entry.parentPath ?? entry.path, entry.name)
  }
}
