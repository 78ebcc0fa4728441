/** The bytes of a message of protocol buffers, field by field. */
export class ProtobufWriter {
  readonly #parts: Uint8Array[] = []

  double(field: number, value: number): this {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setFloat64(0, value, true)
    return this.raw(field, 1, bytes)
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setFloat32(0, value, true)
    return this.raw(field, 5, bytes)
  }

  /** A number from 0 up. */
  varint(field: number, value: number): this {
    return this.raw(field, 0, varintBytes(value))
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value))
  }

  message(field: number, inner: ProtobufWriter): this {
    return this.bytes(field, inner.finish())
  }

  bytes(field: number, value: Uint8Array): this {
    this.#parts.push(varintBytes((field << 3) | 2), varintBytes(value.length), value)
    return this
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts)
  }

  private raw(field: number, type: number, bytes: Uint8Array): this {
    this.#parts.push(varintBytes((field << 3) | type), bytes)
    return this
  }
}

function varintBytes(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}
