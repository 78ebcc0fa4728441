// Packs every package and uses the tarballs as a stranger would: an empty folder, nothing of the workspace.
// Usage: node scripts/check-packages.mjs [MANAGER...], only with these package managers; yarn-pnp is tried by name alone.
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pnpm } from './bootstrap.mjs'
import { MANAGER_NAMES, tryManager } from './package-managers.mjs'
import { CACHE, ROOT } from './stage.mjs'

const BIN = join(ROOT, 'node_modules', '.bin')
const PACKS = join(CACHE, 'packs')
const PROGRAM = `
import { add, deviceInfo, Tensor } from '@llft/runtime'
import { DataError, LlftError, loraTrain } from '@llft/lora'
import * as data from '@llft/data'
import * as tokenizer from '@llft/tokenizer'
import * as safetensors from '@llft/safetensors'
import * as train from '@llft/train'
for (const module of [data, tokenizer, safetensors, train]) if (Object.keys(module).length === 0) throw new Error('empty')
if (data.DataError !== DataError || tokenizer.DataError !== DataError || !(new safetensors.FormatError('') instanceof LlftError))
  throw new Error('an error has two classes')
if (typeof loraTrain !== 'function') throw new Error('loraTrain')
const sum = add(Tensor.from([1, 2, 3]), Tensor.from([10, 20, 30]))
const values = Array.from(await sum.read())
if (values.join() !== '11,22,33') throw new Error('1 + 10, 2 + 20, 3 + 30: got ' + values)
console.log('works on', deviceInfo().isa)
`

rmSync(PACKS, { recursive: true, force: true })
mkdirSync(PACKS, { recursive: true })
const packages = [
  'demo',
  ...readdirSync(join(ROOT, 'packages')).map((name) => join('packages', name)),
]
const platforms = readdirSync(join(ROOT, 'npm'))
  .map((name) => join('npm', name))
  .filter((folder) => existsSync(join(ROOT, folder, 'package.json')) && forThisMachine(folder))

for (const folder of [...packages, ...platforms])
  run(pnpm('pack', '--pack-destination', PACKS), join(ROOT, folder))
const tarballs = readdirSync(PACKS)
  .filter((name) => name.endsWith('.tgz'))
  .map((name) => join(PACKS, name))
const isPlatform = (path) => /native-(linux|darwin|win32)/.test(path)
const named = process.argv.slice(2)
for (const manager of named.length > 0 ? named : MANAGER_NAMES.slice(0, 3)) {
  tryManager(manager, tarballs)
  console.log(`README.md with @llft/lora alone, installed by ${manager}: works`)
}
if (named.length > 0) process.exit(0)

for (const tarball of tarballs.filter((path) => !isPlatform(path))) {
  run([join(BIN, 'publint'), tarball, '--strict'], ROOT)
  run([join(BIN, 'attw'), '--profile', 'esm-only', '--no-emoji', '--no-color', tarball], ROOT)
}

installAndRun('with the binary package', tarballs)
installAndRun(
  'built from source',
  tarballs.filter((path) => !isPlatform(path)),
  [
    ['npm', 'install', '--no-audit', '--no-fund', 'cmake-js@8'],
    ['npx', 'llft-build-native'],
  ],
)
console.log(`${tarballs.length} packages install and work`)

function forThisMachine(folder) {
  const { os, cpu } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'))
  return os.includes(process.platform) && cpu.includes(process.arch)
}

function installAndRun(title, files, afterInstall) {
  const folder = mkdtempSync(join(tmpdir(), 'llft-install-'))
  try {
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ name: 'stranger', private: true, type: 'module' }),
    )
    writeFileSync(join(folder, 'main.mjs'), PROGRAM)
    const omit = afterInstall ? ['--omit=optional'] : []
    run(['npm', 'install', '--no-audit', '--no-fund', ...omit, ...files], folder)
    if (afterInstall) expectDiagnosis(folder)
    for (const command of afterInstall ?? []) run(command, folder)
    run([process.execPath, 'main.mjs'], folder)
    console.log(`installed ${title}: works`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Without a binary the error must name the command that builds one. */
function expectDiagnosis(folder) {
  const { status, stderr } = spawnSync(process.execPath, ['main.mjs'], {
    cwd: folder,
    encoding: 'utf8',
  })
  if (status === 0 || !stderr.includes('llft-build-native')) {
    console.error(
      `Without a binary, the error must name llft-build-native; got exit ${status}:\n${stderr}`,
    )
    process.exit(1)
  }
}

function run([program, ...args], cwd) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  if (status === 0) return
  console.error(`${[program, ...args].join(' ')}  (in ${cwd}) failed:\n${stdout}\n${stderr}`)
  process.exit(1)
}
