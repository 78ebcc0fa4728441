import { constants } from 'node:os'

/** What `llft` ends with. */
export const EXIT = {
  done: 0,
  failed: 1,
  /** Options, arguments or a configuration that do not hold. */
  usage: 2,
  /** Rows or files that do not hold what they must. */
  data: 3,
  /** It needs more memory than there is. */
  memory: 4,
  interrupted: 128 + constants.signals.SIGINT,
} as const

const BY_CODE: Readonly<Record<string, number>> = {
  ERR_LLFT_CONFIG: EXIT.usage,
  ERR_LLFT_DATA: EXIT.data,
  ERR_LLFT_FORMAT: EXIT.data,
  ERR_LLFT_OUT_OF_MEMORY: EXIT.memory,
  ERR_LLFT_ABORTED: EXIT.interrupted,
}

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  const { code } = (error ?? {}) as { code?: unknown }
  if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR') return EXIT.data
  return BY_CODE[String(code)] ?? EXIT.failed
}
