import { ConfigError, closestName } from '@llft/errors'
import { isInDecoder, type LanguageModel, LinearModule } from '@llft/runtime'
import type { LoraConfig } from './config.js'
import { compilePattern, namesMatch } from './name-pattern.js'

/** What an architecture's adapters go on when the configuration does not say. */
export function defaultTargetModules(modelType: string): string[] {
  return modelType === 'phi3' ? ['qkv_proj'] : ['q_proj', 'v_proj']
}

/**
 * Paths of the linear layers that get an adapter, in the order of the model, by PEFT's rules
 * (`check_target_module_exists`).
 *
 * @throws ConfigError if nothing matches or a listed name matches nothing, with the names there are.
 */
export function targetPaths(model: LanguageModel, config: LoraConfig): string[] {
  const linear = [...model.modules()].filter(([, module]) => module instanceof LinearModule)
  const paths = linear.map(([path]) => path)
  const targets = config.targetModules ?? defaultTargetModules(model.config.modelType)
  const found = paths.filter((path) => isTarget(path, targets, config))
  requireMatches(targets, found, paths, config)
  return found
}

function isTarget(path: string, targets: readonly string[] | string, config: LoraConfig): boolean {
  const { excludeModules, modulesToSave } = config
  if (hasNames(excludeModules) && namesMatch('excludeModules', excludeModules, path)) return false
  if (modulesToSave.some((name) => isWithin(path, name))) return false
  if (isAllLinear(targets)) return isInDecoder(path)
  if (typeof targets === 'string') return namesMatch('targetModules', targets, path)
  if (targets.includes(path)) return true
  return namesMatch('targetModules', targets, path) && isInLayers(path, config)
}

/** Whether a part of the path is the module `name`, so that what lies below it is trained whole already. */
function isWithin(path: string, name: string): boolean {
  return compilePattern('modulesToSave', name, `^(?:|.*\\.)${name}(?:$|\\..*)`).test(path)
}

function isInLayers(path: string, { layersToTransform, layersPattern }: LoraConfig): boolean {
  const layers = layersToTransform === undefined ? [] : [layersToTransform].flat()
  if (layers.length === 0) return true
  const names = layersPattern === undefined ? [] : [layersPattern].flat()
  // The first number after a name is the layer; a later one may count something within it.
  const patterns =
    names.length === 0
      ? ['^.*?\\.[^.]*\\.(\\d+)\\.']
      : names.map((name) => `^(?:|.*?\\.)${name}\\.(\\d+)\\.`)
  for (const pattern of patterns) {
    const match = compilePattern('layersPattern', pattern, pattern).exec(path)
    if (match !== null) return layers.includes(Number(match[1]))
  }
  return false
}

function isAllLinear(targets: readonly string[] | string): boolean {
  return typeof targets === 'string' && targets.toLowerCase() === 'all-linear'
}

function hasNames(
  names: readonly string[] | string | undefined,
): names is readonly string[] | string {
  return names !== undefined && names.length > 0
}

function requireMatches(
  targets: readonly string[] | string,
  found: readonly string[],
  paths: readonly string[],
  config: LoraConfig,
): void {
  const available = [...new Set(paths.map(lastName))]
  const listed = `Linear layers of this model: ${available.join(', ')}.`
  // A name that matches nothing is a typing mistake even where its neighbours match.
  const unknown =
    typeof targets === 'string' ? [] : targets.filter((name) => !matchesAny(name, paths))
  if (unknown.length > 0) {
    const near = closestName(unknown[0] as string, available, 'lora')
    const hint = near === undefined ? '' : ` Did you mean '${near}'?`
    throw new ConfigError(
      `lora.targetModules: each name must match a linear layer; got ${quoted(unknown)}.${hint} ${listed}`,
    )
  }
  if (found.length > 0) return
  const shown = typeof targets === 'string' ? `'${targets}'` : quoted(targets)
  const narrowed =
    hasNames(config.excludeModules) || config.layersToTransform !== undefined
      ? ' Check excludeModules, layersToTransform and layersPattern too.'
      : ''
  throw new ConfigError(
    `lora.targetModules: must match at least one linear layer; got ${shown}.${narrowed} ${listed}`,
  )
}

function matchesAny(name: string, paths: readonly string[]): boolean {
  return paths.some((path) => namesMatch('targetModules', [name], path))
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1)
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ')
}
