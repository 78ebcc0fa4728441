import type { Warnings } from '@llft/errors'
import type { RunOptions } from './run-options.js'

/** Warns of options of a run that another one makes idle. */
export function warnOfIdleOptions(warnings: Warnings, options: Partial<RunOptions>): void {
  const { epochs, maxSteps, evalBatchSize, evalData, evalFraction, evalCount } = options
  if (epochs !== undefined && maxSteps !== undefined) {
    addIdle(warnings, 'epochs', 'beside maxSteps, which counts the steps of the run')
  }
  const isHeldOut = [evalData, evalFraction, evalCount].some((way) => way !== undefined)
  if (evalBatchSize !== undefined && !isHeldOut) {
    addIdle(warnings, 'evalBatchSize', 'without evalData, evalFraction or evalCount')
  }
}

/** Warns of an option that does nothing. */
export function addIdle(warnings: Warnings, option: string, why: string): void {
  warnings.add(
    'WARN_LLFT_NO_EFFECT',
    `${option} has no effect ${why}.`,
    'Leave it out, or mend it.',
  )
}
