import { z } from 'zod'

// The rules that options share. Messages say what must hold; what came is added by parseOptions.

/** A finite number. */
export const number = z.number('must be a number')

/** A finite number from `least` up. */
export function atLeast(least: number) {
  return number.min(least, `must be at least ${least}`)
}

/** A finite number above `bound`. */
export function above(bound: number) {
  return number.gt(bound, `must be above ${bound}`)
}

/** A number from `least` to `most`, both included. */
export function from(least: number, most: number) {
  return atLeast(least).max(most, `must be at most ${most}`)
}

/** A number from 0 up to but not including 1, such as a probability or a decay. */
export const belowOne = atLeast(0).lt(1, 'must be below 1')

/** A whole number from `least` up that a float64 holds exactly. */
export function wholeNumber(least: number) {
  return z
    .number('must be a whole number')
    .int('must be a whole number')
    .min(least, `must be at least ${least}`)
}

export const flag = z.boolean('must be true or false')

/** A text that is not empty; `must` says what it stands for, such as 'must be a folder'. */
export function text(must: string) {
  return z.string(must).min(1, must)
}

/** A list whose members satisfy `item`. */
export function list<T extends z.ZodType>(item: T, must: string) {
  return z.array(item, must)
}

/** One of the given values: "must be 'a', 'b' or 'c'". */
export function oneOf<const T extends readonly (string | number | boolean)[]>(values: T) {
  const shown = values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value)))
  const last = shown.pop() ?? ''
  const must = shown.length === 0 ? `must be ${last}` : `must be ${shown.join(', ')} or ${last}`
  return z.literal<T[number][]>([...values], must)
}

export const abortSignal = z.instanceof(AbortSignal, { error: 'must be an AbortSignal' })

/** A function that is called with what happens. */
export function handler<F extends (...args: never[]) => unknown>() {
  return z.custom<F>((value) => typeof value === 'function', 'must be a function')
}

/** One of the given names, or an object with such a `name` and settings of its own. */
export function nameOr<
  const T extends readonly string[],
  S extends z.ZodType<{ name: T[number] }, unknown>,
>(names: T, settings: S) {
  const name = oneOf(names)
  return z.union([name, settings], {
    error: ({ input, errors }) => {
      const isObject = typeof input === 'object' && input !== null
      const [issue] = (errors as z.core.$ZodIssue[][] | undefined)?.at(-1) ?? []
      if (isObject && issue !== undefined) return inside(issue)
      return name.safeParse(undefined).error?.issues[0]?.message
    },
  })
}

/** What is wrong within an object that is one way of an option. */
function inside(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys')
    return `must have no settings of that kind: ${issue.keys.join(', ')}`
  return `${issue.path.join('.')} ${issue.message}`
}
