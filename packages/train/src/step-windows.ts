/** The micro-batches of one optimiser step. */
export interface StepWindow<B> {
  readonly batches: readonly B[]
  /** Passes over the data at the end of the step, as a fraction. */
  readonly epoch: number
}

export interface WindowOptions<B> {
  batches: (epoch: number) => Iterable<B> | AsyncIterable<B>
  gradientAccumulation: number
  stepsPerEpoch: number
  totalSteps: number
}

/** Groups the micro-batches of as many epochs as it takes; what remains of an epoch is a step of its own. */
export async function* stepWindows<B>(options: WindowOptions<B>): AsyncGenerator<StepWindow<B>> {
  const { batches, gradientAccumulation, stepsPerEpoch, totalSteps } = options
  let steps = 0
  for (let epoch = 0; steps < totalSteps; epoch++) {
    const before = steps
    let window: B[] = []
    for await (const batch of batches(epoch)) {
      window.push(batch)
      if (window.length < gradientAccumulation) continue
      steps++
      yield { batches: window, epoch: epoch + (steps - before) / stepsPerEpoch }
      if (steps === totalSteps) return
      window = []
    }
    if (window.length > 0) {
      steps++
      yield { batches: window, epoch: epoch + 1 }
    }
    // An epoch without a batch would come again for ever.
    if (steps === before) return
  }
}
