// Trains in a process of its own with handleSignals, and tells when a step is done.
import { loraTrain } from '../src/index.js'
import { questions } from './tiny-checkpoint.js'

const [model, output] = process.argv.slice(-2) as [string, string]
await loraTrain({
  model,
  output,
  dtype: 'float32',
  data: questions(64),
  columns: { user: 'question', assistant: 'answer' },
  maxSteps: 100_000,
  handleSignals: true,
  onEvent: (event) => {
    if (event.type === 'step' && event.step === 2) process.stdout.write('stepped\n')
  },
})
