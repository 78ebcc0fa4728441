import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja'
import { ConfigError, DataError, FormatError } from '@llft/errors'
import { withinTime } from '@llft/input'
import { strftime } from './strftime.js'

/** A turn of a conversation. Templates may read further fields, such as `tool_calls`. */
export interface ChatMessage {
  readonly role: string
  readonly content: unknown
  readonly [field: string]: unknown
}

/** A template comes from a downloaded folder, so it gets bounds like any other foreign input. */
export const TEMPLATE_LIMITS = {
  /** Characters of the template's source. */
  source: 128 * 1024,
  /** Characters of what it renders. */
  output: 8 * 1024 * 1024,
  /** Items of one `range()`. */
  range: 100_000,
  /** Items of a list that is made on the way. */
  list: 1_000_000,
} as const

/** A Jinja chat template, parsed once, rendered with whitespace handled as in transformers. */
export class ChatTemplate {
  private readonly program: unknown

  /** @throws ConfigError if the template is too large or no Jinja */
  constructor(
    private readonly source: string,
    readonly text: string,
  ) {
    if (text.length > TEMPLATE_LIMITS.source) {
      throw new ConfigError(
        `${source}: a chat template must be at most ${TEMPLATE_LIMITS.source} characters; got ${text.length}.`,
      )
    }
    try {
      this.program = parse(tokenize(text, { lstrip_blocks: true, trim_blocks: true }))
    } catch (error) {
      throw new ConfigError(
        `${source}: the chat template must be Jinja; got ${(error as Error).message}.`,
      )
    }
  }

  /**
   * @param variables names that the template sees, next to those of Jinja
   * @param now what `strftime_now` takes for the time
   * @throws DataError with the template's own words if it refuses the conversation, FormatError if it does not end
   */
  render(variables: Readonly<Record<string, unknown>>, now = new Date()): string {
    const environment = new Environment()
    for (const [name, value] of Object.entries(globals(now))) environment.set(name, value)
    for (const [name, value] of Object.entries(variables)) environment.set(name, value)
    let text: unknown
    try {
      const run = () => new BoundedInterpreter(environment).run(this.program).value
      text = withinTime(`${this.source}: the chat template`, run)
    } catch (error) {
      if (error instanceof FormatError) throw error
      throw new DataError(
        `${this.source}: the chat template must accept the conversation; got ${(error as Error).message}.`,
      )
    }
    if (typeof text !== 'string' || text.length > TEMPLATE_LIMITS.output) {
      throw new DataError(
        `${this.source}: a rendered conversation must be at most ${TEMPLATE_LIMITS.output} characters; got ${String(text).length}.`,
      )
    }
    return text
  }
}

/** What a step of the library's interpreter gives. */
type Evaluated = { readonly value?: unknown } | undefined

/** What is used of the library, whose own declarations do not resolve in Node's module mode. */
const LibraryInterpreter = Interpreter as unknown as new (
  environment: unknown,
) => {
  run(program: unknown): { readonly value?: unknown }
  evaluate(statement: unknown, environment: unknown): Evaluated
}

/** Stops what grows without end: each step at most doubles a value, so looking at each result is enough. */
class BoundedInterpreter extends LibraryInterpreter {
  override evaluate(statement: unknown, environment: unknown): Evaluated {
    const result = super.evaluate(statement, environment)
    const size = sizeOf(result?.value)
    if (size.of > size.limit)
      throw new Error(`${size.of} ${size.unit}; at most ${size.limit} are allowed`)
    return result
  }
}

function sizeOf(value: unknown): { of: number; limit: number; unit: string } {
  if (typeof value === 'string') {
    return { of: value.length, limit: TEMPLATE_LIMITS.output, unit: 'characters' }
  }
  const of = Array.isArray(value) ? value.length : 0
  return { of, limit: TEMPLATE_LIMITS.list, unit: 'items' }
}

function globals(now: Date): Record<string, unknown> {
  const constants = { true: true, True: true, false: false, False: false, none: null, None: null }
  return {
    ...constants,
    raise_exception: (message: string) => {
      throw new Error(message)
    },
    range: boundedRange,
    strftime_now: (format: string) => strftime(format, now),
  }
}

function boundedRange(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second]
  const count = Math.max(0, Math.ceil((stop - start) / step))
  if (!Number.isFinite(count) || count > TEMPLATE_LIMITS.range) {
    throw new Error(`a range of ${count} items; at most ${TEMPLATE_LIMITS.range} are allowed`)
  }
  return Array.from({ length: count }, (_, i) => start + i * step)
}
