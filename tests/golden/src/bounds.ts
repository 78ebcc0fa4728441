/** What a case is compared in. */
export const QUANTITIES = [
  'logits',
  'loss',
  'lora_grad',
  'train_losses',
  'lora_final',
  'greedy',
  'adapter',
] as const
export type Quantity = (typeof QUANTITIES)[number]

/**
 * How an error, its bound and the spread of the reference are measured: the largest difference of two numbers, the
 * largest over the tensors of |difference| / |expected| (Euclidean), or a count.
 */
export type Measure = 'absolute' | 'relative' | 'differing'

/** What a quantity may be off by even where the reference strays less. */
export interface Floor {
  limit: number
  /** The limit is a share of the expected number it is for, or of the largest one; otherwise it is a number itself. */
  of?: 'each' | 'largest'
}

/** An error may be as large as the floor or `times` the spread, whichever is more; with neither, nothing is promised. */
export interface Bound {
  measure: Measure
  floor?: Floor
  times: number
  spread?: number
}

export type ComputeDtype = 'float32' | 'bfloat16'

/** Which promises hold: small random models, or a real checkpoint, whose sums are a hundred times as long. */
export type CaseKind = 'small' | 'checkpoint'

type Floors = Record<Quantity, Floor | undefined>

const FLOAT32: Record<CaseKind, Floors> = {
  small: {
    logits: { limit: 2e-5 },
    loss: { limit: 1e-5 },
    lora_grad: { limit: 2e-5 },
    train_losses: { limit: 2e-5 },
    lora_final: { limit: 2e-4 },
    greedy: { limit: 0 },
    adapter: { limit: 0 },
  },
  checkpoint: {
    logits: { limit: 3e-4 },
    loss: { limit: 2e-5 },
    lora_grad: { limit: 2e-4 },
    train_losses: { limit: 2e-5 },
    lora_final: { limit: 1e-3 },
    greedy: { limit: 0 },
    adapter: { limit: 0 },
  },
}

/**
 * bfloat16 keeps 8 bits of a number. How its roundings add up on the way to a gradient depends on the model alone, so the
 * spread says it and no floor does; greedy tokens part wherever two logits are near each other.
 */
const BFLOAT16: Floors = {
  logits: { limit: 0.03, of: 'largest' },
  loss: { limit: 0.02, of: 'each' },
  lora_grad: undefined,
  train_losses: { limit: 0.02, of: 'each' },
  lora_final: undefined,
  greedy: undefined,
  adapter: { limit: 0 },
}

const MEASURES: Record<Quantity, Measure> = {
  logits: 'absolute',
  loss: 'absolute',
  lora_grad: 'relative',
  train_losses: 'absolute',
  lora_final: 'relative',
  greedy: 'differing',
  adapter: 'absolute',
}

/**
 * The spread is one draw of roundings, and as many roundings drawn otherwise may add up to a few times as much. Less so in
 * bfloat16, which rounds the same tensors whatever the order of summation.
 */
const TIMES: Record<ComputeDtype, number> = { float32: 4, bfloat16: 2 }

/** @param spread of the reference in that type; without it, the floors are all that is promised */
export function boundsOf(
  kind: CaseKind,
  dtype: ComputeDtype,
  spread: Partial<Record<Quantity, number>> = {},
): Record<Quantity, Bound> {
  const floors = dtype === 'float32' ? FLOAT32[kind] : BFLOAT16
  const bounds = QUANTITIES.map((quantity): [Quantity, Bound] => [
    quantity,
    {
      measure: MEASURES[quantity],
      floor: floors[quantity],
      times: TIMES[dtype],
      spread: spread[quantity],
    },
  ])
  return Object.fromEntries(bounds) as Record<Quantity, Bound>
}
