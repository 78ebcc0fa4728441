// Trains in a process of its own with handleSignals, and tells when a step is done.
import { setTimeout } from 'node:timers/promises'
import { loraTrain } from '../src/index.js'
import { questions } from './tiny-checkpoint.js'

const [model, output, steps, stuck] = process.argv.slice(-4) as [string, string, string, string]
await loraTrain({
  model,
  output,
  dtype: 'float32',
  data: questions(64),
  columns: { user: 'question', assistant: 'answer' },
  maxSteps: Number(steps),
  handleSignals: true,
  callbacks: stuck === 'true' ? [{ afterStep: () => setTimeout(60_000) }] : [],
  onEvent: (event) => {
    if (event.type === 'step' && event.step === 1) process.stdout.write('stepped\n')
    // Nothing is left to stop but the saving.
    if (event.type === 'end') process.kill(process.pid, 'SIGTERM')
  },
})
process.stdout.write('went on\n')
