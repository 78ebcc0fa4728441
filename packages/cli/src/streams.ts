/** Where a command writes: `process.stdout`, or what a test gives. */
export interface OutputStream {
  readonly isTTY?: boolean | undefined
  /** Cells of a line of the terminal. */
  readonly columns?: number | undefined
  /** Lines of the terminal. */
  readonly rows?: number | undefined
  write(text: string): unknown
}

/** What a command reads: `process.stdin`, or what a test gives. */
export type InputStream = NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined }

/** What a command reads from and writes to. */
export interface Streams {
  readonly stdin: InputStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
}
