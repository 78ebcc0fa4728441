// From a fresh clone to something that runs: checks the tools, installs, builds. Needs Node alone; safe to repeat.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { ROOT, stage } from './stage.mjs'
import { missingTools } from './toolchain.mjs'

const PNPM = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).packageManager
const INSTALLED = join(ROOT, 'node_modules', '.llft-installed')
const QUIET = { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', CI: process.env.CI ?? '' }

/** The command line that runs pnpm in the version of package.json, on a machine that has none. */
export const pnpm = (...args) => ['npx', '-y', PNPM, ...args]

/**
 * @param {{ nativeTests?: boolean }} [options] nativeTests: build the C++ test program too
 */
export async function bootstrap({ nativeTests = false } = {}) {
  const missing = missingTools()
  if (missing.length > 0) {
    console.error(missing.join('\n'))
    process.exit(1)
  }
  await install()
  await buildNative(nativeTests)
  await stage(
    'build TypeScript',
    pnpm('exec', 'turbo', 'run', 'build', '--no-daemon', '--output-logs=errors-only'),
    { env: QUIET },
  )
}

async function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(ROOT, 'pnpm-lock.yaml')))
    .digest('hex')
  if (existsSync(INSTALLED) && readFileSync(INSTALLED, 'utf8') === lock) return
  await stage('install packages', pnpm('install', '--frozen-lockfile', '--reporter=append-only'), {
    env: QUIET,
  })
  writeFileSync(INSTALLED, lock)
}

async function buildNative(tests) {
  const jobs = String(availableParallelism())
  const env = { CMAKE_BUILD_PARALLEL_LEVEL: jobs }
  const build = [process.execPath, join('packages', 'native', 'bin', 'build.mjs')]
  const progress = /\[\s*(\d+%|\d+\/\d+)\]/ // of make, and of ninja
  await stage('build native addon', [...build, `LLFT_TESTS=${tests ? 'ON' : 'OFF'}`], {
    env,
    progress,
  })
  if (!tests) return
  await stage(
    'build native tests',
    ['cmake', '--build', join('native', 'build'), '--target', 'llft_tests', '-j', jobs],
    { progress },
  )
}
