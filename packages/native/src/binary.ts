import { closeSync, openSync, readSync } from 'node:fs'

const ELF_MACHINES: Record<number, string> = {
  3: 'ia32',
  40: 'arm',
  62: 'x64',
  183: 'arm64',
  243: 'riscv64',
}
const MACH_CPUS: Record<number, string> = { 16777223: 'x64', 16777228: 'arm64' }
const MACH_MAGIC = 0xfeedfacf

/** What a shared library was built for, as Node names platforms and architectures. */
export interface BinaryTarget {
  platform: string
  arch: string
}

/** Reads the first bytes of a shared library; undefined where they are of no format that is known here. */
export function binaryTarget(path: string): BinaryTarget | undefined {
  const header = Buffer.alloc(20)
  const file = openSync(path, 'r')
  try {
    if (readSync(file, header, 0, header.length, 0) < header.length) return undefined
  } finally {
    closeSync(file)
  }
  if (header.toString('latin1', 0, 4) === '\x7fELF') {
    return { platform: 'linux', arch: ELF_MACHINES[header.readUInt16LE(18)] ?? 'another' }
  }
  if (header.readUInt32LE(0) === MACH_MAGIC) {
    return { platform: 'darwin', arch: MACH_CPUS[header.readUInt32LE(4)] ?? 'another' }
  }
  return undefined
}
