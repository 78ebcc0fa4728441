import { closestName } from './closest-name.js'
import { ConfigError } from './errors.js'

/** The fix for a name that is not known: the one that was probably meant, or all that there are. */
export function suggestion(name: string, known: readonly string[], prefix = ''): string {
  const near = closestName(name, known, prefix)
  return near === undefined ? `Known options: ${known.join(', ')}.` : `Did you mean '${near}'?`
}

/** The error for a misspelt option of `where`. */
export function unknownOption(
  where: string,
  name: string,
  known: readonly string[],
  prefix = '',
): ConfigError {
  return new ConfigError(
    `${where}: must have known options only; got '${name}'. ${suggestion(name, known, prefix)}`,
  )
}
