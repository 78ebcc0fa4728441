import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { candidates, platformPackage } from '../src/candidates.js'
import { loadAddon, type NativeLoadError } from '../src/index.js'

const folder = mkdtempSync(join(tmpdir(), 'llft-loader-'))
const built = candidates().find((candidate) => candidate.path)?.path ?? ''
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => vi.unstubAllEnvs())

/** The error of loading a file in a fresh copy of the loader, as LLFT_ADDON. */
async function failure(path: string): Promise<NativeLoadError> {
  vi.resetModules()
  vi.stubEnv('LLFT_ADDON', path)
  const { loadAddon: load, NativeLoadError: Thrown } = await import('../src/index.js')
  try {
    load()
  } catch (error) {
    expect(error).toBeInstanceOf(Thrown)
    return error as NativeLoadError
  }
  throw new Error('the addon loaded')
}

function file(name: string, content: Uint8Array | string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

/** The start of an ELF file for another machine. */
function elf(machine: number): Buffer {
  const header = Buffer.alloc(64)
  header.write('\x7fELF', 'latin1')
  header.writeUInt16LE(machine, 18)
  return header
}

describe('loadAddon', () => {
  it('returns the same addon each time', () => {
    expect(loadAddon()).toBe(loadAddon())
  })

  it('loads the file that LLFT_ADDON names, relative to the working folder too', async () => {
    vi.resetModules()
    vi.stubEnv('LLFT_ADDON', built)
    const { loadAddon: load } = await import('../src/index.js')
    expect(load().deviceInfo().threads).toBeGreaterThan(0)
  })

  it('says that the file is missing, and how to build it', async () => {
    const error = await failure(join(folder, 'absent.node'))
    expect(error.code).toBe('ERR_LLFT_NATIVE_LOAD')
    expect(error.message).toContain('absent.node: no such file')
    expect(error.message).toContain('npx llft-build-native')
    expect(error.message).toContain(`${process.platform} ${process.arch}`)
  })

  it('says that the file is for another machine', async () => {
    const machine = process.arch === 'x64' ? 183 : 62
    const other = process.arch === 'x64' ? 'arm64' : 'x64'
    const error = await failure(file('other.node', elf(machine)))
    expect(error.message).toContain(`built for linux ${other}, but this is`)
    const mac = Buffer.alloc(64)
    mac.writeUInt32LE(0xfeedfacf, 0)
    mac.writeUInt32LE(16777228, 4)
    expect((await failure(file('mac.node', mac))).message).toContain('built for darwin arm64')
  })

  it('says that the file is no library, or half of one', async () => {
    expect((await failure(file('text.node', 'not a library, only text'))).message).toContain(
      'not a shared library',
    )
    expect((await failure(file('empty.node', ''))).message).toContain('not a shared library')
    const half = readFileSync(built).subarray(0, 5000)
    expect((await failure(file('half.node', half))).message).toContain('half.node: truncated')
  })

  it('lists every place that it tried', () => {
    const names = candidates().map(({ name }) => name)
    expect(names.join('\n')).toContain('local build')
    expect(names.join('\n')).toContain(platformPackage())
    expect(platformPackage()).toMatch(/^@llft\/native-\w+-\w+(-gnu|-musl)?$/)
  })

  it('says that the system’s C library is too old', () => {
    // A library that asks for a version of glibc that does not exist, made by the linker that built the addon.
    const source = file(
      'future.c',
      '__asm__(".symver f, f@GLIBC_9.99"); void f(void); void g(void) { f(); }\n',
    )
    const libc = file('libc-future.c', 'void f(void) {}\n')
    const map = file('future.map', 'GLIBC_9.99 { f; };\n')
    const make = (args: string[]) => spawnSync('cc', args, { cwd: folder, encoding: 'utf8' })
    const fake = make([
      '-shared',
      '-fPIC',
      '-o',
      'libc.so.6',
      libc,
      `-Wl,--version-script=${map}`,
      '-Wl,-soname,libc.so.6',
    ])
    const user = make([
      '-shared',
      '-fPIC',
      '-nostdlib',
      '-o',
      'future.node',
      source,
      join(folder, 'libc.so.6'),
    ])
    if (process.platform !== 'linux' || fake.status !== 0 || user.status !== 0) return
    return failure(join(folder, 'future.node')).then((error) => {
      expect(error.message).toMatch(/needs GLIBC 9\.99 or later, but this system has/)
    })
  })
})
