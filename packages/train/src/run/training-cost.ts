import { type CausalLM, Embedding, Linear } from '@llft/runtime'

/**
 * Operations that the products with matrices take for each token of a step, a multiply-add being two: forward, gradient of
 * the input, and gradient of the matrix where it trains (2, 2 and 2 per element, as in "PaLM", arXiv:2204.02311, appendix
 * B). Attention and what is recomputed do not count.
 *
 * @param learntShare of the tokens, which alone reach the head.
 */
export function flopsPerToken(model: CausalLM, learntShare: number): number {
  let flops = 0
  for (const [path, module] of model.modules()) {
    if (module instanceof Embedding) continue
    if (module instanceof Linear) {
      const perElement = module.weight.dense?.requiresGrad === true ? 6 : 4
      const share = path === 'lm_head' ? learntShare : 1
      flops += perElement * share * module.inFeatures * module.outFeatures
      continue
    }
    // Matrices that an adaptation has put in; vectors are no products.
    for (const [, { requiresGrad, shape }] of module.ownParameters()) {
      if (requiresGrad && shape.length === 2)
        flops += 6 * (shape[0] as number) * (shape[1] as number)
    }
  }
  return flops
}
