import type { DecoderConfig } from '@llft/runtime'
import { formatCount } from '@llft/train'
import type { Row } from '../table.js'

/** The sizes and switches of a model, for people. */
export function architectureRows(config: DecoderConfig): Row[] {
  const { heads, kvHeads, headWidth } = config
  const shared = kvHeads === heads ? '' : `, ${kvHeads} of keys and values`
  return [
    ['architecture', config.architecture],
    ['layers', String(config.layers)],
    ['width', `${formatCount(config.width)}, feed-forward ${formatCount(config.ffnWidth)}`],
    ['heads', `${heads} of ${headWidth}${shared}`],
    ['vocabulary', `${formatCount(config.vocabulary)} tokens, ${headOf(config)}`],
    ['context', `${formatCount(config.maxPositions)} tokens${windowOf(config)}`],
    ['positions', `RoPE, theta ${formatCount(config.rope.theta)}, ${scalingOf(config)}`],
    ['switches', switchesOf(config).join(', ') || 'none'],
  ]
}

/** The same for programs. */
export function architectureFacts(config: DecoderConfig): Record<string, unknown> {
  const { source: _, ...facts } = config
  return facts
}

function headOf({ tiedEmbeddings }: DecoderConfig): string {
  return tiedEmbeddings ? 'the head shares the embedding' : 'the head has weights of its own'
}

function windowOf({ windows }: DecoderConfig): string {
  const widths = [...new Set(windows.filter((width) => width > 0))]
  if (widths.length === 0) return ''
  const count = windows.filter((width) => width > 0).length
  return `, a window of ${widths.map(formatCount).join(' or ')} in ${count} layers`
}

function scalingOf({ rope: { scaling } }: DecoderConfig): string {
  if (scaling.type === 'default') return 'not scaled'
  return 'factor' in scaling
    ? `scaled by ${scaling.type} ${scaling.factor}`
    : `scaled by ${scaling.type}`
}

function switchesOf(config: DecoderConfig): string[] {
  const switches: readonly (readonly [boolean, string])[] = [
    [config.qkvBias, 'biases of queries, keys and values'],
    [config.outputBias, 'biases of attention outputs'],
    [config.mlpBias, 'biases of the feed-forward layers'],
    [config.qkNorm, 'normalised queries and keys'],
    [config.projections === 'fused', 'fused projections'],
  ]
  return switches.filter(([isOn]) => isOn).map(([, name]) => name)
}
