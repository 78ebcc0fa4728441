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

/** How the error of a quantity is measured; the report names it. */
export type Measure = 'absolute' | 'relative' | 'of largest' | 'differing'

export interface Bound {
  measure: Measure
  /** Undefined where the quantity is reported but promises nothing. */
  limit: number | undefined
}

export type ComputeDtype = 'float32' | 'bfloat16'

/** Which promises hold: small random models, or a real checkpoint, whose sums are a hundred times as long. */
export type CaseKind = 'small' | 'checkpoint'

const FLOAT32: Record<CaseKind, Record<Quantity, Bound>> = {
  small: {
    logits: { measure: 'absolute', limit: 2e-5 },
    loss: { measure: 'absolute', limit: 1e-5 },
    lora_grad: { measure: 'relative', limit: 2e-5 },
    train_losses: { measure: 'absolute', limit: 2e-5 },
    lora_final: { measure: 'relative', limit: 2e-4 },
    greedy: { measure: 'differing', limit: 0 },
    adapter: { measure: 'absolute', limit: 0 },
  },
  checkpoint: {
    logits: { measure: 'absolute', limit: 3e-4 },
    loss: { measure: 'absolute', limit: 2e-5 },
    lora_grad: { measure: 'relative', limit: 2e-4 },
    train_losses: { measure: 'absolute', limit: 2e-5 },
    lora_final: { measure: 'relative', limit: 1e-3 },
    greedy: { measure: 'differing', limit: 0 },
    adapter: { measure: 'absolute', limit: 0 },
  },
}

/** bfloat16 keeps 8 bits of a number: logits and losses stay near, the rest follows its own course. */
const BFLOAT16: Record<Quantity, Bound> = {
  logits: { measure: 'of largest', limit: 0.03 },
  loss: { measure: 'relative', limit: 0.02 },
  lora_grad: { measure: 'relative', limit: undefined },
  train_losses: { measure: 'relative', limit: 0.02 },
  lora_final: { measure: 'relative', limit: undefined },
  greedy: { measure: 'differing', limit: undefined },
  adapter: { measure: 'absolute', limit: 0 },
}

export function boundsOf(kind: CaseKind, dtype: ComputeDtype): Record<Quantity, Bound> {
  return dtype === 'float32' ? FLOAT32[kind] : BFLOAT16
}
