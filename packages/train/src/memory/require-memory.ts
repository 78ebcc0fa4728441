import { OutOfMemoryError } from '@llft/errors'
import { InsufficientMemoryError } from './memory-error.js'
import { estimateOf, type MemoryEstimate, type MemoryPlan, processBytes } from './memory-plan.js'
import { cutWorkload, tokensOf } from './memory-workload.js'

/** The settings that a refusal may name. */
export interface FittingOptions {
  readonly batchSize: number
  readonly gradientAccumulation: number
  readonly packing: boolean
  /** Starts the message of a refusal: the function that was called. */
  readonly where: string
}

/**
 * Refuses a run that cannot fit.
 *
 * @returns what it is expected to take
 * @throws InsufficientMemoryError that lists the parts and settings that would fit.
 */
export function requireMemory(
  plan: MemoryPlan,
  limit: number,
  options: FittingOptions,
): MemoryEstimate {
  const held = processBytes()
  const estimate = estimateIfAddressable(plan, held)
  if (estimate !== undefined && estimate.peakResidentBytes <= limit) return estimate
  const fits = (other: MemoryPlan) => {
    const found = estimateIfAddressable(other, held)
    return found !== undefined && found.peakResidentBytes <= limit
  }
  throw new InsufficientMemoryError(
    estimate,
    limit,
    settingsThatFit(plan, options, fits),
    options.where,
  )
}

/** Undefined where the rehearsal itself runs out of addresses. */
function estimateIfAddressable(plan: MemoryPlan, held: number): MemoryEstimate | undefined {
  try {
    return estimateOf(plan, held)
  } catch (error) {
    if (error instanceof OutOfMemoryError) return undefined
    throw error
  }
}

function settingsThatFit(
  plan: MemoryPlan,
  options: FittingOptions,
  fits: (plan: MemoryPlan) => boolean,
): string[] {
  const recomputed = { ...plan, checkpointing: true }
  const settings: string[] = []
  if (!plan.checkpointing && fits(recomputed)) settings.push('checkpointing: true')
  settings.push(...firstFitting(smallerBatches(plan, options), fits))
  const { quantizedModel } = plan
  const quantized = quantizedModel && { ...recomputed, model: quantizedModel }
  if (quantized && fits(quantized)) settings.push("quantization: 'nf4'")
  if (settings.length > 0) return settings
  const cheapest = smallerBatches(recomputed, options).map(({ setting, plan }) => ({
    setting: `checkpointing: true with ${setting}`,
    plan,
  }))
  settings.push(...firstFitting(cheapest, fits))
  if (settings.length > 0) return settings
  return firstFitting(shorterRows(recomputed, options), fits)
}

interface Alternative {
  readonly setting: string
  readonly plan: MemoryPlan
}

function firstFitting(
  alternatives: readonly Alternative[],
  fits: (plan: MemoryPlan) => boolean,
): string[] {
  const found = alternatives.find(({ plan }) => fits(plan))
  return found === undefined ? [] : [found.setting]
}

/** Halves of the batch, with as many rows in a step as before. */
function smallerBatches(plan: MemoryPlan, options: FittingOptions): Alternative[] {
  const { batchSize, gradientAccumulation, packing } = options
  // A pack is one row to the batch size and many to the model.
  if (packing) return []
  const found: Alternative[] = []
  for (let rows = Math.floor(batchSize / 2); rows >= 1; rows = Math.floor(rows / 2)) {
    const passes = Math.ceil((batchSize * gradientAccumulation) / rows)
    const workload = cutWorkload(plan.workload, rows, Number.POSITIVE_INFINITY)
    const setting = `batchSize: ${rows} with gradientAccumulation: ${passes}`
    found.push({ setting, plan: { ...plan, workload: repeated(workload) } })
  }
  return found
}

/** Batches of one row, cut to half its length and less. */
function shorterRows(plan: MemoryPlan, { batchSize, packing }: FittingOptions): Alternative[] {
  const found: Alternative[] = []
  const longest = cutWorkload(plan.workload, 1, Number.POSITIVE_INFINITY)
  for (
    let length = Math.floor(tokensOf(longest) / 2);
    length >= 16;
    length = Math.floor(length / 2)
  ) {
    const parts = ['checkpointing: true', ...(batchSize > 1 && !packing ? ['batchSize: 1'] : [])]
    const workload = cutWorkload(longest, 1, length)
    found.push({
      setting: `${parts.join(', ')} with maxLength: ${length}`,
      plan: { ...plan, workload: repeated(workload) },
    })
  }
  return found
}

/** With accumulation, which smaller batches need: the second batch meets the gradients of the first. */
function repeated(workload: MemoryPlan['workload']): MemoryPlan['workload'] {
  return {
    ...workload,
    steps: workload.steps.map((step) => (step.length === 1 ? [...step, ...step] : step)),
  }
}
