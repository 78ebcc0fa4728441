import { OutOfMemoryError } from '@llft/errors'
import { formatBytes } from '../display/format.js'
import type { MemoryEstimate, MemoryParts } from './memory-plan.js'

/** A run needs more memory than there is: `ERR_LLFT_OUT_OF_MEMORY`, thrown before anything is loaded. */
export class InsufficientMemoryError extends OutOfMemoryError {
  constructor(
    /** Undefined for a run that no machine could address. */
    readonly estimate: MemoryEstimate | undefined,
    /** Bytes that the process may hold. */
    readonly limit: number,
    /** Settings that would fit, such as 'checkpointing: true'; the least change first. */
    readonly settings: readonly string[],
    /** Starts the message: the function that was called. */
    where = 'fineTune',
  ) {
    const fix =
      settings.length > 0
        ? `This fits: ${settings.join('; or ')}.`
        : 'No batch size, length or checkpointing makes it fit: take a smaller model.'
    const got = estimate === undefined ? 'more than any machine has' : describeEstimate(estimate)
    const room = Number.isFinite(limit) ? formatBytes(limit) : 'the addresses of a process'
    super(`${where}: the run must fit into ${room}; got ${got}. ${fix}`)
  }
}

/** `1.24 GB: weights 269 MB, adapters 7 MB, ...` */
export function describeEstimate({ peakResidentBytes, parts }: MemoryEstimate): string {
  const listed = (Object.keys(parts) as (keyof MemoryParts)[]).map(
    (name) => `${name} ${formatBytes(parts[name])}`,
  )
  return `${formatBytes(peakResidentBytes)} (${listed.join(', ')})`
}
