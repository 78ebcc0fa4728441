import { ConfigError, closestName } from '@llft/errors'
import { list, parseOptions, text } from '@llft/options'
import type { Module } from '@llft/runtime'
import { z } from 'zod'

/**
 * Modules by their paths: names that are whole parts of a path in a row, such as 'mlp', 'layers.1' or 'lm_head', which stand
 * for everything below them, too; or a pattern that is found anywhere in a path.
 */
export type ModuleNames = readonly string[] | RegExp

/** Which modules of a model are meant. */
export interface ModuleSelection {
  /** Default: all. */
  readonly only?: ModuleNames | undefined
  /** Taken off again. Default: none. */
  readonly except?: ModuleNames | undefined
}

const names = z.union(
  [list(text('must be a name'), 'must be a list of names'), z.instanceof(RegExp)],
  'must be a list of names or a regular expression',
)
const schema = z.strictObject({
  only: names.optional(),
  except: names.optional(),
} satisfies Record<keyof ModuleSelection, z.ZodType>)

/**
 * The modules of `model` that are selected and have parameters of their own: an output head that shares the matrix of the
 * token embedding has none.
 *
 * @param where starts every message
 * @throws ConfigError for a name or pattern that none of them has, with the names there are, or if none is left.
 */
export function selectModules(model: Module, selection: ModuleSelection, where: string): Module[] {
  const { only, except } = parseOptions(schema, selection, where)
  const owners = [...model.modules()].filter(([, module]) => [...module.ownParameters()].length > 0)
  const paths = owners.map(([path]) => path)
  if (only !== undefined) requireFound(only, paths, `${where}.only`)
  if (except !== undefined) requireFound(except, paths, `${where}.except`)
  const selected = owners.filter(
    ([path]) =>
      (only === undefined || matches(only, path)) &&
      (except === undefined || !matches(except, path)),
  )
  if (selected.length > 0) return selected.map(([, module]) => module)
  throw new ConfigError(`${where}: must leave a module that trains; got none.`)
}

function matches(names: ModuleNames, path: string): boolean {
  if (names instanceof RegExp) return path.search(names) >= 0
  return names.some((name) => `.${path}.`.includes(`.${name}.`))
}

/** What matches nothing is a slip of the finger, even where its neighbours match. */
function requireFound(names: ModuleNames, paths: readonly string[], where: string): void {
  const parts = names instanceof RegExp ? [names] : names.map((name) => [name])
  const unknown = parts.find((part) => !paths.some((path) => matches(part, path)))
  if (unknown === undefined) return
  const known = [...new Set(paths.flatMap((path) => path.split('.')))].filter(isName)
  const got = unknown instanceof RegExp ? String(unknown) : `'${unknown[0]}'`
  const near = unknown instanceof RegExp ? undefined : closestName(unknown[0] as string, known)
  const hint = near === undefined ? '' : ` Did you mean '${near}'?`
  throw new ConfigError(
    `${where}: must name modules with parameters; got ${got}.${hint} Parts of their paths: ${known.join(', ')}.`,
  )
}

function isName(part: string): boolean {
  return !/^\d*$/.test(part)
}
