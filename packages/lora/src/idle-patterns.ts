import type { Warnings } from '@llft/errors'
import type { LanguageModel } from '@llft/runtime'
import { addIdle } from '@llft/train'
import type { LoraConfig } from './config.js'
import { endsWithName, firstMatchingKey, namesMatch } from './name-pattern.js'
import { targetPaths } from './target-modules.js'

/** Warns of patterns of a LoRA configuration that match nothing in `model`. Call it before adapters are put in. */
export function warnOfIdlePatterns(
  warnings: Warnings,
  model: LanguageModel,
  config: LoraConfig,
): void {
  const { rankPattern, alphaPattern, excludeModules } = config
  const targets = targetPaths(model, config)
  for (const [option, pattern] of Object.entries({ rankPattern, alphaPattern })) {
    for (const key of Object.keys(pattern)) {
      if (targets.some((path) => firstMatchingKey(option, [key], path) !== undefined)) continue
      addIdle(warnings, `lora.${option} '${key}'`, 'as it matches no layer that gets an adapter')
    }
  }
  const paths = [...model.modules()].map(([path]) => path)
  for (const name of typeof excludeModules === 'string' ? [] : (excludeModules ?? [])) {
    if (paths.some((path) => endsWithName(path, name))) continue
    addIdle(warnings, `lora.excludeModules '${name}'`, 'as it matches nothing')
  }
  if (typeof excludeModules === 'string' && excludeModules !== '') {
    if (paths.some((path) => namesMatch('excludeModules', excludeModules, path))) return
    addIdle(warnings, `lora.excludeModules '${excludeModules}'`, 'as it matches nothing')
  }
}
