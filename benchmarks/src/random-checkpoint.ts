import { join } from 'node:path'
import { type DecoderConfig, dryRun, noGrad, planModel, Tensor, unscoped } from '@llft/runtime'
import { type TensorSource, writeFileAtomic, writeSharded } from '@llft/safetensors'

/** Largest file of a checkpoint, in bytes. */
const SHARD_BYTES = 2e9

/**
 * Writes a checkpoint of random bfloat16 weights in shards, one tensor in memory at a time: for models whose floats
 * are larger than the memory.
 */
export async function writeRandomCheckpoint(folder: string, config: DecoderConfig): Promise<void> {
  const plan = await planModel(config, { dtype: 'bfloat16' })
  const { value: parameters } = dryRun(() => {
    const model = plan.build()
    const found = [...model.parameters()].map(([name, { shape }]) => ({ name, shape }))
    model.dispose()
    return found
  })
  const sources = parameters.map(({ name, shape }, index): TensorSource => {
    const data = () => randomBytes(shape, index, config.initializerRange)
    return { name, dtype: 'BF16', shape, data }
  })
  await writeSharded(folder, sources, { maxShardBytes: SHARD_BYTES })
  await writeFileAtomic(join(folder, 'config.json'), JSON.stringify(config.source, null, 2))
}

/** Norms are 1; matrices are drawn as when a model is made from nothing. */
async function randomBytes(
  shape: readonly number[],
  seed: number,
  std: number,
): Promise<Uint8Array> {
  using tensor = unscoped(() =>
    noGrad(() =>
      shape.length === 1
        ? Tensor.full(shape, 1, 'bfloat16')
        : Tensor.normal(shape, { std, seed, dtype: 'bfloat16' }),
    ),
  )
  return new Uint8Array(await tensor.readBytes())
}
