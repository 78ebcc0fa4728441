import { configYaml, type RunConfig, runOptionsOf } from '@llft/config'
import { ConfigError } from '@llft/errors'
import {
  type LoraTrainOptions,
  loadAdapter,
  loadModel,
  loadQuantizedModel,
  Tokenizer,
} from '@llft/lora'
import { modelPathsOf, resultIn } from '../adapter-path.js'
import type { CommandContext } from '../command-context.js'
import { executeRun } from '../execute-run.js'
import type { Output } from '../output.js'
import { describeEstimateOf } from '../plan.js'
import { configOfCommand } from '../read-options.js'
import { RunFolder } from '../run-folder.js'

/** `llft train CONFIG` */
export async function train({ output, args, options, exit }: CommandContext): Promise<void> {
  const [path] = args as [string]
  const config = await configOfCommand(path, options)
  if (options.dryRun) return showPlan(output, config)
  const extra = await weightsOf(config, options.continueFrom)
  const folder = await RunFolder.create(config)
  await executeRun({
    output,
    folder,
    config,
    extra,
    isNew: true,
    exit,
    command: `llft train ${path}`,
  })
}

async function showPlan(output: Output, config: RunConfig): Promise<void> {
  output.event({ type: 'config', config })
  output.line(configYaml(config))
  await describeEstimateOf(output, config)
}

/** The model of a run that begins with what another one learnt. */
async function weightsOf(config: RunConfig, from: unknown): Promise<Partial<LoraTrainOptions>> {
  if (typeof from !== 'string') return {}
  if (config.method === 'full') return { model: await trainedModel(from) }
  const { adapter, model: folder } = await modelPathsOf(config.model.path, from)
  const { options } = runOptionsOf(config)
  const { dtype, mmap, quantization } = options
  const model =
    quantization === undefined
      ? await loadModel(folder, { dtype, mmap })
      : await loadQuantizedModel(folder, { dtype, mmap, quantization })
  await loadAdapter(model, adapter as string, { trainable: true })
  const tokenizer = await Tokenizer.fromFolder(folder)
  return {
    model,
    tokenizer,
    baseModel: folder,
    lora: undefined,
    dtype: undefined,
    quantization: undefined,
    mmap: undefined,
    loraPlusRatio: undefined,
  }
}

/** The model of a run of full training, or one by itself. */
async function trainedModel(from: string): Promise<string> {
  const found = await resultIn(from)
  if (found !== undefined) return found
  throw new ConfigError(
    `--continue-from: must be a model, or a run of full training; got '${from}', which holds neither.`,
  )
}
