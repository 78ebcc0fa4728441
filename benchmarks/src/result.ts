/** One measurement, as `--json` prints it. */
export interface Result {
  bench: string
  case: string
  metric: string
  value: number
  unit: string
  /** What the machine's measured peak would allow, in the same unit. */
  limit?: number
  baseline?: { name: string; value: number }
  /** Ours over the baseline's, in speed. */
  ratio?: number
  /** Ours over the limit. */
  ofLimit?: number
}

/** The line that ends a bench: the smallest ratio and share of the limit over its cases. */
export interface Summary {
  bench: string
  case: 'summary'
  ratio?: number
  ofLimit?: number
}

export interface BenchOptions {
  /** Alternate with the peer in the same run. */
  baseline: boolean
  /** Rounds of which the median counts. */
  rounds: number
  /** Only cases whose name has this in it. */
  only?: string | undefined
  /** Told to people, not to programs. */
  log: (text: string) => void
  /** Told what a peer is made of, by package, once it is warm. */
  onVersions?: (versions: Readonly<Record<string, string>>) => void
}

export type Bench = (options: BenchOptions) => Promise<Result[]>

/** Whether a case is to be measured. */
export function wanted(name: string, { only = '' }: BenchOptions): boolean {
  return name.includes(only)
}

/** Completes a measurement of a speed with what it is compared to. */
export function compared(result: Result): Result {
  const { value, limit, baseline } = result
  return {
    ...result,
    ...(baseline && { ratio: value / baseline.value }),
    ...(limit !== undefined && { ofLimit: value / limit }),
  }
}

export function summaryOf(bench: string, results: Result[]): Summary {
  const ratio = smallest(results.map((result) => result.ratio))
  const ofLimit = smallest(results.map((result) => result.ofLimit))
  return {
    bench,
    case: 'summary',
    ...(ratio !== undefined && { ratio }),
    ...(ofLimit !== undefined && { ofLimit }),
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function smallest(values: (number | undefined)[]): number | undefined {
  const numbers = values.filter((value) => value !== undefined)
  return numbers.length === 0 ? undefined : Math.min(...numbers)
}
