#!/usr/bin/env node
// Builds llft.node from the C++ sources: those beside this file in a published package, or those of the repository.
// Needs CMake >= 3.20 and a C++20 compiler; downloads nothing. Arguments are handed to CMake's configure step.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const REPOSITORY = join(PACKAGE, '..', '..')
const inRepository = existsSync(join(REPOSITORY, 'pnpm-workspace.yaml'))
const source = inRepository ? join(REPOSITORY, 'native') : join(PACKAGE, 'native')
const build = inRepository ? join(source, 'build') : join(PACKAGE, 'build')

const require = createRequire(import.meta.url)
const includes = [require('node-api-headers').include_dir, headersOf('node-addon-api')]

run([
  '-S',
  source,
  '-B',
  build,
  `-DLLFT_NODE_INCLUDE=${includes.join(';')}`,
  ...process.argv.slice(2),
])
const jobs = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism())
run(['--build', build, '--config', 'Release', '--target', 'llft', '--parallel', jobs])
console.log(`Built ${join(build, 'llft.node')}`)

/** node-addon-api gives its folder relative to the working folder; CMake needs it absolute. */
function headersOf(name) {
  return join(require.resolve(`${name}/package.json`), '..')
}

function run(args) {
  const { status, error } = spawnSync('cmake', args, { stdio: 'inherit' })
  if (status === 0) return
  const missing = error?.code === 'ENOENT'
  console.error(
    missing
      ? 'CMake is missing. Install CMake >= 3.20 and a C++20 compiler, for example: sudo apt-get install -y cmake build-essential'
      : `cmake ${args[0]} failed. The lines above say why; CMake >= 3.20 and a C++20 compiler (GCC >= 11, Clang >= 14) are needed.`,
  )
  process.exit(1)
}
