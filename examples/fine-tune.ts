// Fine-tunes a model with LoRA on rows in memory, and saves an adapter that PEFT loads.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loraTrain } from '@llft/lora'

const model = fileURLToPath(new URL('../../demo/model', import.meta.url))
const output = mkdtempSync(join(tmpdir(), 'llft-adapter-'))

const capitals = { France: 'Paris', Italy: 'Rome', Japan: 'Tokyo', Kenya: 'Nairobi' }
const data = Object.entries(capitals).map(([country, capital]) => ({
  instruction: `What is the capital of ${country}?`,
  output: `The capital of ${country} is ${capital}.`,
}))

const result = await loraTrain({
  model,
  data,
  output,
  lora: { r: 16, alpha: 32, targetModules: ['q_proj', 'k_proj', 'v_proj', 'o_proj'] },
  epochs: 20,
  batchSize: 4,
  learningRate: 5e-3,
  handleSignals: true,
  onEvent: (event) => {
    if (event.type === 'step') console.log(`step ${event.step}: loss ${event.loss.toFixed(3)}`)
  },
})
console.log(`${result.trainableParameters} parameters trained, adapter in ${result.adapterDir}`)

rmSync(output, { recursive: true })
