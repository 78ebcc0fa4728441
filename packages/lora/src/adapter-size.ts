import type { LoraConfig } from './config.js'
import { firstMatchingKey } from './name-pattern.js'

/** Rank and scale of the adapter on one layer. */
export interface AdapterSize {
  readonly r: number
  readonly alpha: number
  /** alpha / r, or alpha / sqrt(r) with rsLoRA. */
  readonly scale: number
}

/** The size of the adapter at `path`, after rankPattern and alphaPattern. */
export function adapterSize(path: string, config: LoraConfig): AdapterSize {
  const r = patternValue('rankPattern', config.rankPattern, path) ?? config.r
  const alpha = patternValue('alphaPattern', config.alphaPattern, path) ?? config.alpha
  return { r, alpha, scale: config.useRslora ? alpha / Math.sqrt(r) : alpha / r }
}

function patternValue(
  option: 'rankPattern' | 'alphaPattern',
  pattern: Readonly<Record<string, number>>,
  path: string,
): number | undefined {
  const key = firstMatchingKey(option, Object.keys(pattern), path)
  return key === undefined ? undefined : pattern[key]
}
