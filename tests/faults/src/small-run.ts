import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type LoraTrainOptions, loraTrain, type RunEvent } from '@llft/lora'

const MODEL = fileURLToPath(new URL('../../../demo/model', import.meta.url))

/** Where a small run keeps its checkpoints, in its folder. */
export const CHECKPOINTS = 'checkpoints'

/** A run of three steps that takes a fraction of a second, with a checkpoint after each, of which one is kept. */
export function smallRun(
  folder: string,
  onEvent: (event: RunEvent) => void = () => undefined,
): LoraTrainOptions {
  return {
    model: MODEL,
    data: Array.from({ length: 4 }, (_, i) => ({ prompt: `Count to ${i}. `, completion: '0 1' })),
    output: join(folder, 'adapter'),
    checkpoints: join(folder, CHECKPOINTS),
    resume: 'auto',
    dtype: 'float32',
    maxSteps: 3,
    saveSteps: 1,
    saveTotalLimit: 1,
    batchSize: 2,
    warmupSteps: 0,
    lora: { r: 1, targetModules: ['q_proj'], layersToTransform: [0], dropout: 0.1 },
    onEvent,
    onWarning: () => undefined,
  }
}

/** Trains what is left of the run in `folder`. @returns what it ends with, as text */
export async function outcomeOf(folder: string): Promise<string> {
  const { losses, adapterDir } = await loraTrain(smallRun(folder))
  const weights = await readFile(join(adapterDir, 'adapter_model.safetensors'), 'base64')
  return `${losses.join()} ${weights}`
}
