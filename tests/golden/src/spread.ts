import type { ComputeDtype, Quantity } from './bounds.js'

const SPREAD_QUANTITIES = ['logits', 'loss', 'lora_grad', 'train_losses', 'lora_final'] as const

/** How far PyTorch in one type is from the truth, in the measure of each quantity. */
export type Spread = Record<Extract<Quantity, (typeof SPREAD_QUANTITIES)[number]>, number>

/** The spreads of expect.json by type. Cases may lack them, or one: the bfloat16 run of a real checkpoint takes an hour. */
export type Spreads = Partial<Record<ComputeDtype, Spread>>

/** @throws if a spread is there but not whole: a bound made of it would hold anything */
export function checkSpreads(spreads: unknown, where: string): Spreads {
  if (spreads === undefined) return {}
  for (const dtype of ['float32', 'bfloat16'] as const) {
    const spread = (spreads as Partial<Record<ComputeDtype, Partial<Spread>>>)[dtype]
    if (spread === undefined) continue
    for (const quantity of SPREAD_QUANTITIES) {
      const value = spread[quantity]
      if (Number.isFinite(value) && value! >= 0) continue
      throw new Error(
        `${where}: spread.${dtype}.${quantity} must be a number of at least 0; got ${value}.`,
      )
    }
  }
  return spreads as Spreads
}
