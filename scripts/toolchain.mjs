// What a build needs beside Node: CMake, a C++20 compiler and a build program. Checked before anything is fetched.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const NODE = [20, 19]
const CMAKE = [3, 20]
const PROBE =
  '#include <concepts>\n#include <span>\ntemplate <std::integral T> T one() { return T{1}; }\nint main() { return one<int>() - 1; }\n'

/** How each package manager installs what is missing, in the order in which they are looked for. */
const INSTALLERS = [
  {
    program: 'apt-get',
    cmake: 'sudo apt-get install -y cmake',
    compiler: 'sudo apt-get install -y build-essential',
  },
  {
    program: 'dnf',
    cmake: 'sudo dnf install -y cmake',
    compiler: 'sudo dnf install -y gcc-c++ make',
  },
  {
    program: 'zypper',
    cmake: 'sudo zypper install -y cmake',
    compiler: 'sudo zypper install -y gcc-c++ make',
  },
  {
    program: 'pacman',
    cmake: 'sudo pacman -S --needed cmake',
    compiler: 'sudo pacman -S --needed base-devel',
  },
  { program: 'apk', cmake: 'apk add cmake', compiler: 'apk add build-base linux-headers' },
  { program: 'brew', cmake: 'brew install cmake', compiler: 'xcode-select --install' },
]
const ANYWHERE = {
  cmake: 'https://cmake.org/download',
  compiler: 'GCC >= 11 or Clang >= 14, with make',
}

/**
 * One sentence per thing that is missing, with how to get it; empty when the build can start.
 * @returns {string[]}
 */
export function missingTools() {
  const get = INSTALLERS.find(({ program }) => runs(program, ['--version'])) ?? ANYWHERE
  return [nodeProblem(), cmakeProblem(get.cmake), compilerProblem(get.compiler)].filter(Boolean)
}

function nodeProblem() {
  if (atLeast(process.versions.node, NODE)) return undefined
  return `Node.js >= ${NODE.join('.')} is needed; this is ${process.versions.node}. Get it: https://nodejs.org/en/download`
}

function cmakeProblem(how) {
  const run = spawnSync('cmake', ['--version'], { encoding: 'utf8' })
  const version = run.status === 0 ? /(\d+\.\d+(\.\d+)?)/.exec(run.stdout)?.[1] : undefined
  if (version && atLeast(version, CMAKE)) return undefined
  return `CMake >= ${CMAKE.join('.')} is ${version ? `needed; this is ${version}` : 'missing'}. Get it: ${how}`
}

function compilerProblem(how) {
  const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++']
  if (!candidates.some(compilesCxx20))
    return `A C++20 compiler is missing (looked for ${candidates.join(', ')}). Get it: ${how}`
  if (!['make', 'gmake', 'ninja'].some((program) => runs(program, ['--version']))) {
    return `A build program (make or ninja) is missing. Get it: ${how}`
  }
  return undefined
}

function compilesCxx20(compiler) {
  const folder = mkdtempSync(join(tmpdir(), 'llft-probe-'))
  try {
    writeFileSync(join(folder, 'probe.cc'), PROBE)
    const [program, ...flags] = compiler.split(' ')
    return runs(program, [...flags, '-std=c++20', '-fsyntax-only', join(folder, 'probe.cc')])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function runs(program, args) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0
}

function atLeast(version, [major, minor]) {
  const [a, b] = version.split('.').map(Number)
  return a > major || (a === major && b >= minor)
}
