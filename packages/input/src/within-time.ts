import { createContext, Script } from 'node:vm'
import { FormatError } from '@llft/errors'

/** Time that work on what somebody else wrote may take, in milliseconds. */
export const TIME_LIMIT_MS = 3000

const sandbox: { task: () => unknown } = { task: () => undefined }
const context = createContext(sandbox)
const script = new Script('task()')

/**
 * Runs synchronous work that the input may make endless, such as a regular expression or a template. V8 itself ends it
 * when its time is over, wherever it is; what it throws before that comes through as it is.
 *
 * @param what takes too long, at the start of the message: 'tokenizer.json: the pattern'
 * @param limit in milliseconds
 * @throws FormatError when the time is over
 */
export function withinTime<T>(what: string, work: () => T, limit = TIME_LIMIT_MS): T {
  const outer = sandbox.task
  sandbox.task = work
  try {
    return script.runInContext(context, { timeout: limit }) as T
  } catch (error) {
    if ((error as NodeJS.ErrnoException | undefined)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
      throw error
    }
    throw new FormatError(
      `${what} must be done within ${limit / 1000} s; got no end of it. Use it only if you trust who wrote it, and mend it first.`,
    )
  } finally {
    sandbox.task = outer
  }
}
