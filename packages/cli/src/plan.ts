import { type RunConfig, runOptionsOf } from '@llft/config'
import {
  estimateFineTune,
  estimateMemory,
  fullTraining,
  type MemoryEstimate,
  type MemoryParts,
  readConfig,
  Tokenizer,
} from '@llft/lora'
import { formatBytes, memoryLimit } from '@llft/train'
import type { Output } from './output.js'
import { tableLines } from './table.js'

/** The memory that a run is expected to take. */
export async function estimateOfConfig(config: RunConfig): Promise<MemoryEstimate> {
  const { method, options, full } = runOptionsOf(config)
  const { checkpoints: _, saveSteps: __, ...rest } = options
  if (method === 'lora') return estimateMemory(rest)
  const { path, from_scratch } = config.model
  const adaptation = fullTraining(full)
  if (!from_scratch) return estimateFineTune({ ...rest, adaptation })
  const tokenizer = await Tokenizer.fromFolder(path)
  return estimateFineTune({ ...rest, adaptation, model: await readConfig(path), tokenizer })
}

/** Shows it, part by part, beside what there is. */
export async function describeEstimateOf(
  output: Output,
  config: RunConfig,
): Promise<MemoryEstimate> {
  const estimate = await estimateOfConfig(config)
  const limit = memoryLimit()
  const { peakResidentBytes, parts } = estimate
  output.line(output.paint.bold('Memory'))
  for (const line of tableLines(
    [
      ...(Object.keys(parts) as (keyof MemoryParts)[]).map(
        (name) => [`  ${name}`, formatBytes(parts[name])] as const,
      ),
      [
        '  in all',
        `${formatBytes(peakResidentBytes)} of the ${formatBytes(limit)} that this process may hold`,
      ],
    ],
    output,
  ))
    output.line(line)
  if (peakResidentBytes > limit) {
    output.line(
      output.paint.red(
        '  It does not fit: lower training.batch_size or data.max_length, set training.gradient_checkpointing, or model.quantization: nf4.',
      ),
    )
  }
  return estimate
}
