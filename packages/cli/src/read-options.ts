import { parseAssignment, parseValue, type RunConfig, readConfig } from '@llft/config'
import { configValues } from './config-flags.js'

/** The configuration of a command: the file, the environment, --set and flags, in rising order. */
export function configOfCommand(
  path: string,
  options: Readonly<Record<string, unknown>>,
): Promise<RunConfig> {
  return readConfig(path, {
    environment: process.env,
    set: (options.set ?? []) as string[],
    values: valuesOfCommand(options),
  })
}

/** The values of flags. */
export function valuesOfCommand(options: Readonly<Record<string, unknown>>) {
  return configValues(options).map(({ path, text, flag }) => ({
    path,
    value: parseValue(text),
    place: flag,
  }))
}

/** The values of --set and of flags, for a configuration that is read elsewhere. */
export function allValuesOfCommand(options: Readonly<Record<string, unknown>>) {
  return [...((options.set ?? []) as string[]).map(parseAssignment), ...valuesOfCommand(options)]
}
