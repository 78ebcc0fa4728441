import { batchOf, type CausalLM, generate } from '@llft/runtime'
import { readNow } from './adapter.js'

/**
 * A prompt and the most likely tokens after it, one by one. The reference was told not to end before it has so many, so
 * where a token that ends a text would come, the most likely of the others does.
 */
export async function greedyTokens(
  model: CausalLM,
  prompt: readonly number[],
  length: number,
): Promise<number[]> {
  const ids = [...prompt]
  while (ids.length < length) {
    const found = await generate(model, [ids], { maxNewTokens: length - ids.length })
    ids.push(...found.ids[0]!)
    if (found.finishReasons[0] === 'eos') ids.push(await bestThatGoesOn(model, ids))
  }
  return ids
}

async function bestThatGoesOn(model: CausalLM, ids: readonly number[]): Promise<number> {
  const logits = await readNow(() => model.logits(model.forward(batchOf([ids]))))
  const last = logits.slice(-logits.length / ids.length)
  for (const id of model.config.eosTokenIds) last[id] = Number.NEGATIVE_INFINITY
  return last.indexOf(Math.max(...last))
}
