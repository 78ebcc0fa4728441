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
  /** Steps that are done: their batches are passed over. Default 0. */
  firstStep?: number | undefined
}

/** Groups the micro-batches of as many epochs as it takes; what remains of an epoch is a step of its own. */
export async function* stepWindows<B>(options: WindowOptions<B>): AsyncGenerator<StepWindow<B>> {
  const { batches, gradientAccumulation, stepsPerEpoch, totalSteps, firstStep = 0 } = options
  let steps = firstStep - (firstStep % stepsPerEpoch)
  for (let epoch = steps / stepsPerEpoch; steps < totalSteps; epoch++) {
    const before = steps
    let window: B[] = []
    for await (const batch of batches(epoch)) {
      window.push(batch)
      if (window.length < gradientAccumulation) continue
      steps++
      if (steps > firstStep) {
        yield { batches: window, epoch: epoch + (steps - before) / stepsPerEpoch }
      }
      if (steps === totalSteps) return
      window = []
    }
    if (window.length > 0) {
      steps++
      if (steps > firstStep) yield { batches: window, epoch: epoch + 1 }
    }
    // An epoch without a batch would come again for ever.
    if (steps === before) return
  }
}
