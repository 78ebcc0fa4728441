/** Which adapter each row asks for, of those that a model's layers hold. */
export interface RowAdapters {
  /** Each once. */
  readonly names: readonly string[]
  /** [T] index into `names`, -1 for a row without an adapter. */
  readonly ofRow: Int32Array
}

/** What a layer may know of the rows that it is given, one for each token. */
export interface RowContext {
  /** Undefined where the batch names none, so that all rows are treated alike. */
  readonly adapters?: RowAdapters | undefined
}
