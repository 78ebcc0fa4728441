import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createModel, parseConfig, saveModel } from '@llft/runtime'
import { SMOLLM2_135M } from './model-shape.js'

/** SmolLM2-135M-Instruct under LLFT_MODELS, if it is there. */
export function realSmolLM2(): string | undefined {
  const folder = join(process.env.LLFT_MODELS ?? '', 'SmolLM2-135M-Instruct')
  return existsSync(join(folder, 'config.json')) ? folder : undefined
}

/** The real checkpoint, or random weights of its shape in a folder that goes away again. */
export async function withSmolLM2<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const real = realSmolLM2()
  if (real !== undefined) return body(real)
  const folder = mkdtempSync(join(tmpdir(), 'llft-bench-'))
  try {
    const model = createModel(parseConfig(SMOLLM2_135M), { seed: 1, dtype: 'bfloat16' })
    await saveModel(folder, model)
    model.dispose()
    return await body(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
