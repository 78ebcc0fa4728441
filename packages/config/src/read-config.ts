import { ConfigError, suggestion } from '@llft/errors'
import { parseDocument } from 'yaml'
import { checkConfig, type ExtraValue } from './check-config.js'
import { readConfigSource } from './config-source.js'
import { describeFields } from './describe-fields.js'
import type { RunConfig } from './schema.js'

export interface ReadConfigOptions {
  /** Assignments such as `training.learning_rate=1e-4`; the later go before the earlier, and all before the file. */
  readonly set?: readonly string[] | undefined
  /** Values by path that go before these, such as those of flags. */
  readonly values?: readonly ExtraValue[] | undefined
  /** Variables such as LLFT_TRAINING__LEARNING_RATE, which go before the file only. Default none. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
}

/**
 * Reads the configuration of a run: the file, the environment, assignments and values, in rising order.
 *
 * @throws ConfigError with a line for each problem.
 */
export async function readConfig(
  path: string,
  { set = [], values = [], environment = {} }: ReadConfigOptions = {},
): Promise<RunConfig> {
  const source = await readConfigSource(path)
  return checkConfig(source, [
    ...valuesFromEnvironment(environment),
    ...set.map(parseAssignment),
    ...values,
  ])
}

/** A value as YAML reads it: `2e-4` is a number, `[a, b]` a list. */
export function parseValue(text: string): unknown {
  const document = parseDocument(text)
  return document.errors.length > 0 ? text : (document.toJS() as unknown)
}

/** @throws ConfigError for what is no assignment to an option. */
export function parseAssignment(text: string): ExtraValue {
  const at = text.indexOf('=')
  const path = text.slice(0, Math.max(0, at)).trim()
  if (path === '') {
    throw new ConfigError(`--set: must be key=value, such as training.epochs=1; got '${text}'.`)
  }
  const paths = describeFields().map((field) => field.path)
  if (!paths.some((known) => known === path || known.startsWith(`${path}.`))) {
    throw new ConfigError(`--set ${path}: must name an option. ${suggestion(path, paths)}`)
  }
  return { path, value: parseValue(text.slice(at + 1)), place: `--set ${path}` }
}

/** The values of variables that options have, such as LLFT_TRAINING__LEARNING_RATE. */
export function valuesFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): ExtraValue[] {
  return describeFields().flatMap(({ path, env }) => {
    const text = environment[env]
    return text === undefined ? [] : [{ path, value: parseValue(text), place: env }]
  })
}
