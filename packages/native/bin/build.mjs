#!/usr/bin/env node
// Builds llft.node with cmake-js from the C++ sources: those beside this file in a published package, or those of the
// repository. Needs CMake >= 3.20 and a C++20 compiler; downloads nothing. Arguments NAME=VALUE are handed to CMake.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const REPOSITORY = join(PACKAGE, '..', '..')
const inRepository = existsSync(join(REPOSITORY, 'pnpm-workspace.yaml'))
const directory = inRepository ? join(REPOSITORY, 'native') : join(PACKAGE, 'native')
const out = inRepository ? join(directory, 'build') : join(PACKAGE, 'build')

const require = createRequire(import.meta.url)
const { BuildSystem } = await cmakeJs()
const system = new BuildSystem({
  directory,
  out,
  target: 'llft',
  generator: generatorOf(out),
  parallel: Number(process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? availableParallelism()),
  cMakeOptions: {
    LLFT_NODE_INCLUDE: [
      require('node-api-headers').include_dir,
      dirname(require.resolve('node-addon-api/package.json')),
    ].join(';'),
    ...Object.fromEntries(process.argv.slice(2).map(definition)),
  },
})
try {
  await system.configure()
  await system.build()
} catch (error) {
  fail(
    `${error.message}\nThe lines above say why; CMake >= 3.20 and a C++20 compiler (GCC >= 11, Clang >= 14) are needed, ` +
      'for example: sudo apt-get install -y cmake build-essential',
  )
}
console.log(`Built ${join(out, 'llft.node')}`)

/** A build folder keeps the generator that it began with. */
function generatorOf(folder) {
  const cache = join(folder, 'CMakeCache.txt')
  if (!existsSync(cache)) return undefined
  return /^CMAKE_GENERATOR:INTERNAL=(.*)$/m.exec(readFileSync(cache, 'utf8'))?.[1]
}

/** Not a dependency: who has a binary package needs none of it. */
async function cmakeJs() {
  try {
    return await import('cmake-js')
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    return fail('cmake-js is missing. Install it and try again: npm install cmake-js@8')
  }
}

function definition(argument) {
  const [name, ...value] = argument.replace(/^-D/, '').split('=')
  return [name, value.join('=')]
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
