import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const ELF_MACHINES: Record<number, string> = {
  3: 'ia32',
  40: 'arm',
  62: 'x64',
  183: 'arm64',
  243: 'riscv64',
}
const MACH_CPUS: Record<number, string> = { 16777223: 'x64', 16777228: 'arm64' }
const MACH_MAGIC = 0xfeedfacf
const ELF_64 = 2
const HEADER_BYTES = 64

/** What a shared library was built for, as Node names platforms and architectures. */
export interface BinaryTarget {
  platform: string
  arch: string
  /** Whether the file ends before the tables that its header announces: loading it would crash the process. */
  truncated: boolean
}

/** Reads the first bytes of a shared library; undefined where they are of no format that is known here. */
export function binaryTarget(path: string): BinaryTarget | undefined {
  const header = Buffer.alloc(HEADER_BYTES)
  const file = openSync(path, 'r')
  try {
    if (readSync(file, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return undefined
    return elfTarget(header, fstatSync(file).size) ?? machTarget(header)
  } finally {
    closeSync(file)
  }
}

function elfTarget(header: Buffer, size: number): BinaryTarget | undefined {
  if (header.toString('latin1', 0, 4) !== '\x7fELF') return undefined
  const arch = ELF_MACHINES[header.readUInt16LE(18)] ?? 'another'
  // Section headers come last in what linkers write: their offset, the size of one, their number.
  const sections = Number(header.readBigUInt64LE(40))
  const end = sections + header.readUInt16LE(58) * header.readUInt16LE(60)
  return { platform: 'linux', arch, truncated: header[4] === ELF_64 && end > size }
}

function machTarget(header: Buffer): BinaryTarget | undefined {
  if (header.readUInt32LE(0) !== MACH_MAGIC) return undefined
  const arch = MACH_CPUS[header.readUInt32LE(4)] ?? 'another'
  return { platform: 'darwin', arch, truncated: false }
}
