/** What a warning is about; it stays the same across versions, the text may not. */
export type WarningCode =
  | 'WARN_LLFT_ROWS_DROPPED'
  | 'WARN_LLFT_ROWS_TRUNCATED'
  | 'WARN_LLFT_END_NOT_LEARNT'
  | 'WARN_LLFT_NO_CHAT_TEMPLATE'
  | 'WARN_LLFT_NO_EFFECT'
  | 'WARN_LLFT_LOSS_DIVERGED'
  | 'WARN_LLFT_BASE_UPCAST'
  | 'WARN_LLFT_NO_TOKENIZER'
  | 'WARN_LLFT_HANDLER_FAILED'
  | 'WARN_LLFT_FILE_KEPT'
  | 'WARN_LLFT_STOPPED_EARLY'
  | 'WARN_LLFT_STEP_SKIPPED'
  | 'WARN_LLFT_CHECKPOINT_FAILED'
  | 'WARN_LLFT_CHECKPOINT_DAMAGED'
  | 'WARN_LLFT_RESUME_CHANGED'

/** Something that a program should know of, although the work goes on. */
export interface LlftWarning {
  readonly code: WarningCode
  /** What is the matter, with figures. */
  readonly message: string
  /** What to do about it. */
  readonly remedy: string
}

export type WarningHandler = (warning: LlftWarning) => unknown

/** One line: `llft: warning: 12 of 90 rows were cut ... Raise maxLength. (WARN_LLFT_ROWS_TRUNCATED)`. */
export function formatWarning({ code, message, remedy }: LlftWarning): string {
  return `llft: warning: ${message} ${remedy} (${code})`
}

/** The warnings of one piece of work: each is kept for its result and told when it arises. */
export class Warnings {
  readonly #list: LlftWarning[] = []

  /**
   * @param tell default: a line on stderr each
   * @param watch is told as well, whatever becomes of `tell`
   */
  constructor(
    private readonly tell: WarningHandler = tellOnStderr,
    private readonly watch: (warning: LlftWarning) => void = () => undefined,
  ) {}

  get list(): readonly LlftWarning[] {
    return [...this.#list]
  }

  add(code: WarningCode, message: string, remedy: string): void {
    this.pass({ code, message, remedy })
  }

  /** Takes over a warning of work that is part of this one. */
  pass(warning: LlftWarning): void {
    this.#list.push(warning)
    this.watch(warning)
    // A warning must not end the work that it is about: stderr takes what the handler did not.
    new Promise((resolve) => resolve(this.tell(warning))).catch(() => tellOnStderr(warning))
  }
}

/**
 * A handler of events whose returned promises are looked after: the first that rejects becomes a warning, later ones are
 * passed over. What the handler throws at once still reaches whoever sent the event.
 */
export function guardHandler<E>(
  handler: ((event: E) => unknown) | undefined,
  warnings: Warnings,
): (event: E) => void {
  let hasFailed = false
  return (event) => {
    const returned = handler?.(event)
    Promise.resolve(returned).catch((error: unknown) => {
      if (hasFailed) return
      hasFailed = true
      const reason = error instanceof Error ? error.message : String(error)
      warnings.add(
        'WARN_LLFT_HANDLER_FAILED',
        `onEvent rejected: ${reason}`,
        'The work goes on; later failures of the handler are not told. Catch errors in it.',
      )
    })
  }
}

function tellOnStderr(warning: LlftWarning): void {
  process.stderr.write(`${formatWarning(warning)}\n`)
}
