import { constants } from 'node:os'

/** What `llft` ends with. */
export const EXIT = {
  done: 0,
  failed: 1,
  /** Commands, options, arguments or a configuration that do not hold. */
  usage: 2,
  /** Rows or files that do not hold what they must. */
  data: 3,
  /** It needs more memory than there is. */
  memory: 4,
  interrupted: 128 + constants.signals.SIGINT,
  terminated: 128 + constants.signals.SIGTERM,
} as const

const BY_CODE: Readonly<Record<string, number>> = {
  ERR_LLFT_USAGE: EXIT.usage,
  ERR_LLFT_CONFIG: EXIT.usage,
  ERR_LLFT_DATA: EXIT.data,
  ERR_LLFT_FORMAT: EXIT.data,
  ERR_LLFT_OUT_OF_MEMORY: EXIT.memory,
  ERR_LLFT_ABORTED: EXIT.interrupted,
  // What the system says of a path that a command was given.
  ENOENT: EXIT.data,
  ENOTDIR: EXIT.data,
  EISDIR: EXIT.data,
  EACCES: EXIT.data,
  ENOMEM: EXIT.memory,
}

/** The exit code for an error, by its `code`; the only place that knows. */
export function exitCodeOf(error: unknown): number {
  const code = codeOf(error)
  return code !== undefined && Object.hasOwn(BY_CODE, code) ? BY_CODE[code]! : EXIT.failed
}

/** The `code` of an error of LLFT or of the system; undefined for one that nobody foresaw. */
export function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown }
  if (typeof code !== 'string') return undefined
  return /^(ERR_LLFT_\w+|E[A-Z0-9]+)$/.test(code) ? code : undefined
}
