import { decayGroups, type Parameter, type ParameterGroup } from '@llft/train'

/**
 * LoRA+ (Hayou et al. 2024): the matrices B, and what is a vector, learn at `ratio` times the rate of the others. Groups and
 * weight decay are those of PEFT's `create_loraplus_optimizer`.
 */
export function loraPlusGroups(
  parameters: readonly Parameter[],
  weightDecay: number,
  ratio: number,
): ParameterGroup[] {
  const isFast = ({ name, tensor }: Parameter) =>
    name.includes('lora_B') || tensor.shape.length === 1
  const fast = decayGroups(parameters.filter(isFast), weightDecay)
  const others = parameters.filter((parameter) => !isFast(parameter))
  const slow = others.length === 0 ? [] : [{ parameters: others, weightDecay }]
  return [...slow, ...fast.map((group) => ({ ...group, lrMultiplier: ratio }))]
}
