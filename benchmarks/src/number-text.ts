const FORMAT = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 4 })

/** Four digits: 0.01234, 12.34, 12,340. */
export function numberText(value: number): string {
  return FORMAT.format(value)
}

export function percentText(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
