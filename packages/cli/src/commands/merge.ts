import { stat } from 'node:fs/promises'
import { ConfigError } from '@llft/errors'
import { loadAdapter, saveMerged } from '@llft/lora'
import { formatSeconds } from '@llft/train'
import { adapterFolder, baseOfAdapter } from '../adapter-path.js'
import type { CommandContext } from '../command-context.js'
import { loadBase } from '../load-base.js'
import { shellWord } from '../shell-word.js'
import { formatSize } from '../size.js'
import { watchGrowth } from '../watch-growth.js'

type StoredDtype = 'float32' | 'bfloat16'

interface MergeOptions {
  readonly adapter: string
  readonly dtype?: StoredDtype
  readonly overwrite?: boolean
}

/** `llft merge [MODEL] OUT --adapter FOLDER`: the whole model, weights and tokenizer, for programs that know no adapters. */
export async function merge({ output, args, options }: CommandContext): Promise<void> {
  const { adapter: given, dtype: asked, overwrite } = options as unknown as MergeOptions
  const adapter = await adapterFolder(given)
  const [base, out] = await foldersOf(args, adapter)
  const started = performance.now()
  output.status(`loading ${base} ...`)
  const model = await loadBase(base)
  try {
    await loadAdapter(model, adapter)
    const dtype = asked ?? (model.config.storedDtype === 'float32' ? 'float32' : 'bfloat16')
    const stop = watchGrowth(out, (bytes) => output.status(`writing ${out}: ${formatSize(bytes)}`))
    const { weights } = await saveMerged(model, out, {
      dtype,
      overwrite,
      onWarning: ({ message, remedy }) => output.warn(`${message} ${remedy}`),
    }).finally(stop)
    output.endStatus()
    const sizes = await Promise.all(weights.map(async (path) => (await stat(path)).size))
    const bytes = sizes.reduce((sum, size) => sum + size, 0)
    const seconds = (performance.now() - started) / 1000
    output.event({ type: 'written', path: out, files: weights, bytes, seconds })
    output.line(`${out}: ${formatSize(bytes)} in ${dtype}, ${formatSeconds(seconds)}`)
    output.next(
      [`llft chat ${shellWord(out)}`, 'talk with it'],
      [`llft inspect ${shellWord(out)}`, 'look at it'],
    )
  } finally {
    model.dispose()
  }
}

/** @throws ConfigError for too many folders, or a base that is neither given nor found */
async function foldersOf(
  args: readonly string[],
  adapter: string,
): Promise<readonly [base: string, out: string]> {
  const [first = '', second, ...others] = args
  if (others.length > 0) {
    throw new ConfigError(
      `llft merge: must be given MODEL and OUT, or OUT alone; got ${args.length} folders.`,
    )
  }
  return second === undefined ? [await baseOfAdapter(adapter), first] : [first, second]
}
