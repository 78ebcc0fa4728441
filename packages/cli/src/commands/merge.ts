import { stat } from 'node:fs/promises'
import { relative } from 'node:path'
import { loadAdapter, loadModel, saveMerged } from '@llft/lora'
import { formatBytes, formatSeconds } from '@llft/train'
import { modelPathsOf } from '../adapter-path.js'
import type { CommandContext } from '../command-context.js'

/** `llft merge MODEL OUT --adapter FOLDER` */
export async function merge({ output, args, options }: CommandContext): Promise<void> {
  const [given, out] = args as [string, string]
  const { model: folder, adapter } = await modelPathsOf(given, options.adapter as string)
  const started = performance.now()
  output.note(`Merging ${adapter} into ${folder} ...`)
  const dtype = options.dtype as 'float32' | 'bfloat16' | undefined
  const model = await loadModel(folder)
  try {
    await loadAdapter(model, adapter as string)
    const stored = model.config.storedDtype === 'float32' ? 'float32' : 'bfloat16'
    const overwrite = options.overwrite === true
    const onWarning = (warning: { message: string }) => output.note(warning.message)
    const { weights } = await saveMerged(model, out, {
      dtype: dtype ?? stored,
      overwrite,
      onWarning,
    })
    const sizes = await Promise.all(weights.map(async (path) => (await stat(path)).size))
    const bytes = sizes.reduce((sum, size) => sum + size, 0)
    output.event({ type: 'written', path: out, files: weights })
    const seconds = (performance.now() - started) / 1000
    output.line(`${out}: ${formatBytes(bytes)} in ${dtype ?? stored}, ${formatSeconds(seconds)}`)
    output.next([`llft chat ${relative(process.cwd(), out) || out}`, 'talk with it'])
  } finally {
    model.dispose()
  }
}
