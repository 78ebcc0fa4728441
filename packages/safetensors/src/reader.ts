import { FormatError } from '@llft/errors'
import {
  LENGTH_BYTES,
  parseHeader,
  parseHeaderLength,
  type SafetensorsHeader,
  type TensorInfo,
} from './header.js'
import { type FileStamp, readBytes, StampedFile, withFile } from './stamped-file.js'

/**
 * Reads and checks the header of a safetensors file; no tensor data is read.
 * @throws FormatError if the file is missing or breaks the format
 */
export async function readHeader(path: string): Promise<SafetensorsHeader> {
  return (await SafetensorsFile.open(path)).header
}

/** A safetensors file whose header was checked. */
export class SafetensorsFile extends StampedFile {
  private constructor(
    readonly header: SafetensorsHeader,
    stamp: FileStamp,
  ) {
    super(header.path, stamp)
  }

  /** @throws FormatError if the file is missing or breaks the format */
  static async open(path: string): Promise<SafetensorsFile> {
    return withFile(path, async (handle, stamp) => {
      const fileBytes = Number(stamp.size)
      const first = await readBytes(handle, path, 0, Math.min(LENGTH_BYTES, fileBytes))
      const length = parseHeaderLength(path, first, fileBytes)
      const json = await readBytes(handle, path, LENGTH_BYTES, length)
      return new SafetensorsFile(parseHeader(path, json, fileBytes), stamp)
    })
  }

  /** In the order in which the tensors lie in the file. */
  get tensors(): ReadonlyMap<string, TensorInfo> {
    return this.header.tensors
  }

  get metadata(): Readonly<Record<string, string>> {
    return this.header.metadata
  }

  /**
   * The bytes of a tensor: row-major, little endian, in a buffer of their own.
   * @throws FormatError if there is no such tensor or the file changed since it was opened
   */
  async read(name: string): Promise<Uint8Array> {
    const { byteOffset, byteLength } = this.tensor(name)
    return this.readRange(byteOffset, byteLength)
  }

  /** The same at once, for what cannot wait: the event loop stands still meanwhile. */
  readSync(name: string): Uint8Array {
    const { byteOffset, byteLength } = this.tensor(name)
    return this.readRangeSync(byteOffset, byteLength)
  }

  private tensor(name: string): TensorInfo {
    const tensor = this.tensors.get(name)
    if (tensor !== undefined) return tensor
    throw new FormatError(`${this.path}: tensor "${name}" must exist; got no such name.`)
  }
}
