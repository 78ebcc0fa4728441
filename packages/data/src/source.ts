/** Where a row came from. */
export interface Source {
  /** Path as it was given; absent for rows given as objects. */
  readonly file?: string | undefined
  /** Line in the file, from 1, for files with one row a line. */
  readonly line?: number | undefined
  /** Place in the list, from 0. */
  readonly index: number
  /** Whether it is a document of a text file, which may be of any length. */
  readonly isText?: boolean | undefined
}

/** `train.jsonl:17`, `train.json[16]` or `row 16`. */
export function sourceName({ file, line, index }: Source): string {
  if (file === undefined) return `row ${index}`
  return line === undefined ? `${file}[${index}]` : `${file}:${line}`
}

/** A row as it was read, with its place. */
export interface SourcedRow {
  readonly row: unknown
  readonly source: Source
}
