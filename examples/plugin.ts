// A callback of a run: keeps the mean of the last losses, saves a checkpoint at each new lowest one, and stops when it is low
// enough. Usage: node examples/dist/plugin.js
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loraTrain, type RunCallback } from '@llft/lora'

/** @param window steps that the mean is of */
function checkpointLowest(window: number, goal: number): RunCallback {
  const losses: number[] = []
  let lowest = Number.POSITIVE_INFINITY
  return {
    afterStep({ loss }, run) {
      losses.push(loss)
      const last = losses.slice(-window)
      const mean = last.reduce((sum, value) => sum + value, 0) / last.length
      if (last.length === window && mean < lowest - 0.1) {
        lowest = mean
        run.checkpoint()
      }
      if (mean < goal) run.stop(`the mean of ${window} losses is below ${goal}`)
    },
    afterCheckpoint({ step }) {
      console.log(`checkpoint after step ${step}, mean loss ${lowest.toFixed(3)}`)
    },
  }
}

const folder = mkdtempSync(join(tmpdir(), 'llft-plugin-'))
const { steps, stopReason } = await loraTrain({
  model: fileURLToPath(new URL('../../demo/model', import.meta.url)),
  data: fileURLToPath(new URL('../../demo/finetuning-qa.jsonl', import.meta.url)),
  output: join(folder, 'adapter'),
  checkpoints: join(folder, 'checkpoints'),
  maxSteps: 40,
  learningRate: 2e-3,
  callbacks: [checkpointLowest(5, 2.5)],
})
console.log(`${steps} steps: ${stopReason ?? 'ran to the end'}`)
