import type { NextStep } from '../output.js'
import type { Row } from '../table.js'

/** How `llft inspect` was asked. */
export interface InspectOptions {
  /** List every tensor. */
  readonly tensors?: boolean | undefined
  /** Read all values. */
  readonly deep?: boolean | undefined
  /** Folder of the model with which data are tokenised. */
  readonly model?: string | undefined
  /** Told what is being done, as reading may take a while. */
  readonly onProgress?: ((text: string) => void) | undefined
}

/** A part of what is shown; strings may come from files of anybody. */
export interface Section {
  readonly title: string
  readonly rows?: readonly Row[]
  readonly grid?: Grid
  /** Shown as it is, line by line. */
  readonly text?: string
}

export interface Grid {
  readonly headings: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Columns of numbers. */
  readonly right: readonly number[]
}

/** What was found. */
export interface Inspection {
  /** One line on what it is. */
  readonly summary: string
  /** For programs; sizes in bytes. */
  readonly facts: Readonly<Record<string, unknown>>
  readonly sections: readonly Section[]
  /** What is wrong. */
  readonly problems: readonly string[]
  /** What is worth knowing, though nothing is wrong. */
  readonly notes: readonly string[]
  readonly next: readonly NextStep[]
}

/** A kind of things that `llft inspect` knows. */
export interface Inspector {
  readonly kind: string
  matches(place: Place): boolean
  /** @throws what reading throws, where nothing can be said */
  inspect(place: Place, options: InspectOptions): Promise<Inspection>
}

/** A path, as far as one look at it tells. */
export interface Place {
  readonly path: string
  readonly isFolder: boolean
  /** Of a folder: its files, with their sizes in bytes; folders are not among them. */
  readonly files: ReadonlyMap<string, number>
  /** Of a folder: the folders in it. */
  readonly folders: ReadonlySet<string>
  /** Bytes of a file, or of the files of a folder. */
  readonly bytes: number
}
