import { FormatError } from '@llft/errors'
import { type FileStamp, StampedFile, withFile } from '@llft/safetensors'
import { HeaderReader } from './header-reader.js'
import { type GgufHeader, type GgufTensorInfo, parseHeader } from './parse-header.js'

/** One GGUF file whose header was checked. */
export class GgufFile extends StampedFile {
  private constructor(
    path: string,
    readonly header: GgufHeader,
    stamp: FileStamp,
  ) {
    super(path, stamp)
  }

  /** @throws FormatError if the file is missing or breaks the format */
  static open(path: string): Promise<GgufFile> {
    return withFile(path, async (handle, stamp) => {
      const reader = new HeaderReader(path, handle.fd, Number(stamp.size))
      return new GgufFile(path, parseHeader(reader), stamp)
    })
  }

  /** The bytes of a tensor. @throws FormatError if there is none, or the file changed since it was opened */
  read(name: string): Promise<Uint8Array> {
    const { byteOffset, byteLength } = this.tensor(name)
    return this.readRange(byteOffset, byteLength)
  }

  /** The same at once; the event loop stands still meanwhile. */
  readSync(name: string): Uint8Array {
    const { byteOffset, byteLength } = this.tensor(name)
    return this.readRangeSync(byteOffset, byteLength)
  }

  private tensor(name: string): GgufTensorInfo {
    const tensor = this.header.tensors.get(name)
    if (tensor !== undefined) return tensor
    throw new FormatError(`${this.path}: tensor "${name}" must exist; got no such name.`)
  }
}
