// Trains in a process of its own, whose threads LLFT_THREADS sets, and prints a hash of every bit that came out.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deviceInfo } from '@llft/runtime'
import { loraTrain } from '../src/index.js'
import { questions } from './tiny-checkpoint.js'

const [model, output, dtype] = process.argv.slice(-3) as [string, string, 'float32' | 'bfloat16']
const { losses, adapterDir } = await loraTrain({
  model,
  output,
  dtype,
  data: questions(12),
  columns: { user: 'question', assistant: 'answer' },
  lora: { dropout: 0.1, useDora: true },
  maxSteps: 4,
})
const weights = await readFile(join(adapterDir, 'adapter_model.safetensors'))
const hash = createHash('sha256').update(Float64Array.from(losses)).update(weights).digest('hex')
process.stdout.write(`${JSON.stringify({ threads: deviceInfo().threads, hash })}\n`)
