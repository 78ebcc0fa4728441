// The programs of README.md as a stranger has them: @llft/lora alone is installed, by each package manager, and what they
// import is compiled strictly and run on a small model. Nothing is published, so tarballs stand for the other packages.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pnpm } from './bootstrap.mjs'
import { furnish, programsOf, STRICTEST } from './snippets.mjs'
import { ROOT } from './stage.mjs'

const DOCUMENT = 'README.md'
const YARN = ['npx', '-y', '@yarnpkg/cli-dist@4.18.1']
const TSC = [process.execPath, join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')]
const NODE = [process.execPath, '--enable-source-maps']
const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

/** How each installs, what pins a package to a tarball, and how programs are then compiled and run. */
const MANAGERS = {
  npm: {
    install: ['npm', 'install', '--no-audit', '--no-fund'],
    pins: (overrides) => ({ overrides }),
  },
  pnpm: {
    install: pnpm('install', '--reporter=append-only'),
    pins: (overrides) => ({ pnpm: { overrides } }),
  },
  yarn: {
    install: [...YARN, 'install'],
    pins: (resolutions) => ({ resolutions }),
    rc: 'nodeLinker: node-modules',
  },
  // Packages stay in archives here, and TypeScript finds them with Yarn's patch alone.
  'yarn-pnp': {
    install: [...YARN, 'install'],
    pins: (resolutions) => ({ resolutions }),
    rc: 'nodeLinker: pnp',
    dependencies: {
      typescript: devDependencies.typescript,
      '@types/node': devDependencies['@types/node'],
    },
    tsc: [...YARN, 'tsc'],
    node: [...YARN, 'node', '--enable-source-maps'],
  },
}

/** Names of the package managers, of which the first three belong to every check. */
export const MANAGER_NAMES = Object.keys(MANAGERS)

/**
 * Installs, compiles and runs; ends with an error of what the tool said.
 * @param {string} name of a package manager
 * @param {string[]} tarballs of every package
 */
export function tryManager(name, tarballs) {
  const manager = MANAGERS[name]
  if (manager === undefined) throw new Error(`must be one of ${MANAGER_NAMES}; got ${name}`)
  const folder = mkdtempSync(join(tmpdir(), `llft-${name}-`))
  try {
    const programs = layOut(folder, manager, tarballs)
    run(manager.install, folder)
    run([...(manager.tsc ?? TSC), '-p', '.'], folder)
    for (const program of programs) run([...(manager.node ?? NODE), `${program}.js`], folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @returns {string[]} names of the programs' files, without an extension */
function layOut(folder, manager, tarballs) {
  const programs = programsOf(DOCUMENT)
  furnish(folder, programs)
  const files = programs.map(({ line }) => `line-${line}`)
  for (const [place, { source }] of programs.entries()) {
    writeFileSync(join(folder, `${files[place]}.ts`), source)
  }
  const { '@llft/lora': lora, ...others } = pinsOf(folder, tarballs)
  const dependencies = { '@llft/lora': lora, ...manager.dependencies }
  const stranger = { name: 'stranger', private: true, type: 'module', dependencies }
  write(folder, 'package.json', { ...stranger, ...manager.pins(others) })
  const typeRoots = [join(ROOT, 'node_modules', '@types')]
  const types = manager.tsc === undefined ? { typeRoots } : {}
  write(folder, 'tsconfig.json', { compilerOptions: { ...STRICTEST, ...types }, include: ['*.ts'] })
  if (manager.rc)
    writeFileSync(join(folder, '.yarnrc.yml'), `${manager.rc}\nenableTelemetry: false\n`)
  // Without a lock file of its own Yarn would look for a project above.
  writeFileSync(join(folder, 'yarn.lock'), '')
  return files
}

/** Where each package lies: a tarball, or, for the binary of another machine, an empty package. */
function pinsOf(folder, tarballs) {
  const pins = {}
  for (const platform of readdirSync(join(ROOT, 'npm'), { withFileTypes: true })) {
    if (!platform.isDirectory()) continue
    const manifest = JSON.parse(
      readFileSync(join(ROOT, 'npm', platform.name, 'package.json'), 'utf8'),
    )
    const { name, version, os, cpu } = manifest
    const empty = join(folder, 'binaries', platform.name)
    mkdirSync(empty, { recursive: true })
    write(empty, 'package.json', { name, version, os, cpu })
    pins[name] = `file:${empty}`
  }
  for (const tarball of tarballs) {
    pins[basename(tarball).replace(/^llft-(.*)-\d+\.\d+\.\d+.*\.tgz$/, '@llft/$1')] =
      `file:${tarball}`
  }
  return pins
}

function write(folder, name, value) {
  writeFileSync(join(folder, name), JSON.stringify(value, undefined, 2))
}

function run([program, ...args], cwd) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    env: { ...process.env, CI: '', YARN_ENABLE_IMMUTABLE_INSTALLS: 'false' },
  })
  if (status === 0) return
  throw new Error(`${[program, ...args].join(' ')} (in ${cwd}) failed:\n${stdout}\n${stderr}`)
}
