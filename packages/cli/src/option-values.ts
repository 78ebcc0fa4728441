import { InvalidArgumentError } from 'commander'

// What commander calls with the text behind an option. Its message goes behind the name of the option.

/** A number from `least` to `most`, both included. @throws InvalidArgumentError */
export function numberFrom(least: number, most = Number.POSITIVE_INFINITY) {
  return (text: string): number => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (value >= least && value <= most) return value
    const range =
      most === Number.POSITIVE_INFINITY ? `from ${least} up` : `from ${least} to ${most}`
    throw new InvalidArgumentError(`It must be a number ${range}.`)
  }
}

/** A whole number from `least` up. @throws InvalidArgumentError */
export function wholeNumberFrom(least: number) {
  return (text: string): number => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (Number.isSafeInteger(value) && value >= least) return value
    throw new InvalidArgumentError(`It must be a whole number from ${least} up.`)
  }
}
