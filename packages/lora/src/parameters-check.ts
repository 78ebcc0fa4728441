import { type LanguageModel, scope, sumSquares } from '@llft/runtime'
import { trainableParameters } from '@llft/train'

/** Whether what trains in `model` is finite: an adapter that is not is worth nothing. */
export async function hasFiniteParameters(model: LanguageModel): Promise<boolean> {
  const tensors = trainableParameters(model).map(({ tensor }) => tensor)
  const squares = scope(() => sumSquares(tensors))
  const sum = await squares.item().finally(() => squares.dispose())
  return Number.isFinite(sum)
}
