/** What `llft inspect` found. */
export interface Inspection {
  /** Such as 'model' or 'LoRA adapter'. */
  readonly kind: string
  readonly path: string
  readonly facts: Readonly<Record<string, string | number>>
  readonly problems: readonly string[]
  /** What is shown below, such as a row as the model sees it. */
  readonly text?: string | undefined
}
