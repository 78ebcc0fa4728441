import { constants } from 'node:os'
import { createError, NativeLoadError } from '@llft/errors'
import type { Addon } from './addon.js'
import { binaryTarget } from './binary.js'
import { type Candidate, candidates, glibcVersion } from './candidates.js'

const BUILD = 'npm install cmake-js && npx llft-build-native'

let loaded: Addon | undefined

/**
 * Loads the native addon, once per thread. Tried in this order: the file that `LLFT_ADDON` names (and then no other),
 * a local build, the binary package of this platform.
 *
 * @throws {NativeLoadError} which lists what was tried, why each failed, and the command that builds the addon.
 */
export function loadAddon(): Addon {
  loaded ??= firstThatLoads()
  return loaded
}

function firstThatLoads(): Addon {
  const failures: string[] = []
  let cause: unknown
  for (const candidate of candidates()) {
    try {
      const addon = open(candidate)
      addon.setErrorFactory(createError)
      return addon
    } catch (error) {
      cause = error
      failures.push(`  - ${candidate.path ?? candidate.name}: ${reason(candidate, error)}`)
    }
  }
  throw new NativeLoadError(
    [
      `loadAddon: the native addon must load on ${process.platform} ${process.arch}, Node ${process.version}; got`,
      ...failures,
      `Build it from its sources, with CMake >= 3.20 and a C++20 compiler: ${BUILD}`,
    ].join('\n'),
    { cause },
  )
}

function open(candidate: Candidate): Addon {
  if (!candidate.path) throw new Error(candidate.absent)
  const target = binaryTarget(candidate.path)
  if (!target) throw new Error('not a shared library')
  if (target.platform !== process.platform || target.arch !== process.arch) {
    throw new Error(
      `built for ${target.platform} ${target.arch}, but this is ${process.platform} ${process.arch}`,
    )
  }
  if (target.truncated) throw new Error('truncated: the file is shorter than its header says')
  const module = { exports: {} as Partial<Addon> }
  // Every symbol is bound now: one that is missing is an error here and not a crash later.
  process.dlopen(module, candidate.path, constants.dlopen.RTLD_NOW)
  if (typeof module.exports.setErrorFactory !== 'function') {
    throw new Error('not the addon of LLFT, or one of another version')
  }
  return module.exports as Addon
}

/** What a failure to load means, where its text is known. */
function reason(candidate: Candidate, error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  if (!candidate.path) return text
  const needed = /version `(GLIBC_[\d.]+)' not found/.exec(text)?.[1]
  if (needed) {
    return `needs ${needed.replace('_', ' ')} or later, but this system has ${glibcVersion() ?? 'another C library'}`
  }
  if (/lib(stdc\+\+|c\+\+)|GLIBCXX|CXXABI/.test(text)) {
    return `needs a newer C++ runtime library: ${text}`
  }
  return text
}
