import { ConfigError } from '@llft/errors'
import { BoundedPattern } from '@llft/input'

/**
 * Compiles a regular expression that a configuration holds, which may be that of an adapter from anywhere.
 *
 * @throws ConfigError that names the option; matching throws FormatError if it does not end.
 */
export function compilePattern(option: string, pattern: string, anchored: string): BoundedPattern {
  try {
    return new BoundedPattern(anchored, `lora.${option}`, pattern)
  } catch (error) {
    throw new ConfigError((error as Error).message)
  }
}

/** Whether `path` is `name` or ends with `.name`. */
export function endsWithName(path: string, name: string): boolean {
  return path === name || path.endsWith(`.${name}`)
}

/** A list matches whole paths or their last parts; a string is a regular expression for the whole path. */
export function namesMatch(
  option: string,
  names: readonly string[] | string,
  path: string,
): boolean {
  if (typeof names === 'string') {
    return compilePattern(option, names, `^(?:${names})$`).test(path)
  }
  return names.some((name) => endsWithName(path, name))
}

/** The first key that matches the end of `path` as a regular expression (PEFT's `get_pattern_key`). */
export function firstMatchingKey(
  option: string,
  keys: readonly string[],
  path: string,
): string | undefined {
  return keys.find((key) => compilePattern(option, key, `^(.*\\.)?(${key})$`).test(path))
}
