import type { Warnings } from '@llft/errors'
import type { LanguageModel } from '@llft/runtime'
import type { LoraConfig } from './config.js'
import { endsWithName, firstMatchingKey, namesMatch } from './name-pattern.js'
import { targetPaths } from './target-modules.js'
import type { LoraTrainOptions } from './train-options.js'

/** Warns of options of `loraTrain` that another one makes idle. */
export function warnOfIdleOptions(warnings: Warnings, options: Partial<LoraTrainOptions>): void {
  const { epochs, maxSteps, evalBatchSize, evalData, evalFraction, evalCount } = options
  if (epochs !== undefined && maxSteps !== undefined) {
    addIdle(warnings, 'epochs', 'beside maxSteps, which counts the steps of the run')
  }
  const isHeldOut = [evalData, evalFraction, evalCount].some((way) => way !== undefined)
  if (evalBatchSize !== undefined && !isHeldOut) {
    addIdle(warnings, 'evalBatchSize', 'without evalData, evalFraction or evalCount')
  }
}

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

function addIdle(warnings: Warnings, option: string, why: string): void {
  warnings.add(
    'WARN_LLFT_NO_EFFECT',
    `${option} has no effect ${why}.`,
    'Leave it out, or mend it.',
  )
}
