import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A place where the addon may be. */
export interface Candidate {
  /** What it is called in a diagnosis. */
  name: string
  /** The file, or undefined where there is none; `absent` says why. */
  path?: string
  absent?: string
}

/** The folder of this package, from `src` and from `dist` alike. */
const PACKAGE = fileURLToPath(new URL('..', import.meta.url))

/** The package with the binary for this machine, such as `@llft/native-linux-x64-gnu`. */
export function platformPackage(): string {
  const libc = process.platform === 'linux' ? (isMusl() ? '-musl' : '-gnu') : ''
  return `@llft/native-${process.platform}-${process.arch}${libc}`
}

/** Every place in the order in which they are tried. `LLFT_ADDON`, where set, is the only one. */
export function candidates(): Candidate[] {
  const chosen = process.env.LLFT_ADDON
  if (chosen) return [file('LLFT_ADDON', resolve(chosen))]
  const builds = [join(PACKAGE, 'build', 'llft.node')]
  if (existsSync(join(PACKAGE, '..', '..', 'pnpm-workspace.yaml'))) {
    builds.push(join(PACKAGE, '..', '..', 'native', 'build', 'llft.node'))
  }
  return [...builds.map((path) => file('local build', path)), installed(platformPackage())]
}

function file(name: string, path: string): Candidate {
  return existsSync(path) ? { name, path } : { name: `${name} ${path}`, absent: 'no such file' }
}

function installed(name: string): Candidate {
  try {
    return { name, path: createRequire(import.meta.url).resolve(`${name}/llft.node`) }
  } catch {
    return {
      name: `package ${name}`,
      absent:
        'not installed (no binary is published for this machine, or optional dependencies were omitted)',
    }
  }
}

interface ReportHeader {
  glibcVersionRuntime?: string
}

/** The C library's version where it is glibc. */
export function glibcVersion(): string | undefined {
  const report = process.report?.getReport() as { header?: ReportHeader } | undefined
  return report?.header?.glibcVersionRuntime
}

function isMusl(): boolean {
  return glibcVersion() === undefined
}
