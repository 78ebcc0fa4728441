const BLOCKS = '▁▂▃▄▅▆▇█'

/** A curve in `width` characters: means of equal parts; what is no number leaves a gap. */
export function sparkline(values: readonly number[], width: number): string {
  const means = bins(values, width)
  const finite = means.filter(Number.isFinite)
  const [low, high] = [Math.min(...finite), Math.max(...finite)]
  return means
    .map((mean) => {
      if (!Number.isFinite(mean)) return ' '
      const level = high === low ? 0 : (mean - low) / (high - low)
      return BLOCKS[Math.round(level * (BLOCKS.length - 1))]
    })
    .join('')
}

function bins(values: readonly number[], width: number): number[] {
  const count = Math.min(width, values.length)
  return Array.from({ length: count }, (_, bin) => {
    const part = values
      .slice(
        Math.floor((bin * values.length) / count),
        Math.floor(((bin + 1) * values.length) / count),
      )
      .filter(Number.isFinite)
    return part.reduce((sum, value) => sum + value, 0) / part.length
  })
}
