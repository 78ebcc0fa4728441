import { access, readFile, writeFile } from 'node:fs/promises'
import * as prompts from '@clack/prompts'
import {
  configYaml,
  formatImport,
  type ImportSource,
  importConfig,
  type RunConfigInput,
} from '@llft/config'
import { ConfigError } from '@llft/errors'
import { estimateMemory } from '@llft/lora'
import { memoryLimit } from '@llft/train'
import type { CommandContext } from '../command-context.js'
import { guessColumns } from '../guess-columns.js'
import type { Output } from '../output.js'

/** `llft init` */
export async function init({ output, options }: CommandContext): Promise<void> {
  const file = String(options.file)
  if (options.force !== true && (await exists(file))) {
    throw new ConfigError(
      `${file}: must be a new file; got one that is there. Choose another: --file NAME, or write over it: --force.`,
    )
  }
  const taken =
    typeof options.from === 'string'
      ? await takenOver(output, options.from, options.tool)
      : undefined
  const config = { ...taken, ...(await answers(output, options, taken ?? {})) }
  const fitted = taken === undefined ? await fittedTo(config) : config
  await writeFile(file, configYaml(fitted))
  output.line(`${output.paint.green('Wrote')} ${file}`)
  output.next([`llft estimate ${file}`, 'memory and time'], [`llft train ${file}`, 'train it'])
}

async function takenOver(output: Output, path: string, tool: unknown): Promise<RunConfigInput> {
  const text = await readFile(path, 'utf8')
  const imported = importConfig({ text, name: path, from: tool as ImportSource | undefined })
  const { config, carried, changed, dropped, from } = imported
  output.event({ type: 'imported', carried, changed, dropped })
  output.line(output.paint.bold(`${path}, a configuration of ${from}`))
  output.line(formatImport(imported))
  return config
}

/** What must be known, from flags, or asked in a terminal. */
async function answers(
  output: Output,
  options: Readonly<Record<string, unknown>>,
  taken: Partial<RunConfigInput>,
): Promise<RunConfigInput> {
  const isAsked = output.streams.stdin.isTTY === true && !output.isJson && !output.isQuiet
  const ask = async (
    name: 'model' | 'data' | 'output',
    message: string,
    initialValue: string,
  ): Promise<string> => {
    const given = options[name]
    if (typeof given === 'string') return given
    if (!isAsked) {
      if (name === 'output') return initialValue
      throw new ConfigError(
        `llft init: must be given --${name} where nobody can be asked; got nothing.`,
      )
    }
    const answer = await prompts.text({ message, initialValue })
    if (prompts.isCancel(answer))
      throw new ConfigError('llft init: was cancelled; nothing was written.')
    return answer
  }
  const model = taken.model ?? (await ask('model', 'Folder of the model', 'models/'))
  const train =
    taken.data?.train ??
    (await ask('data', 'File to train on (.jsonl, .json, .csv, .txt)', 'train.jsonl'))
  const folder =
    taken.output ?? (await ask('output', 'Folder of the run', `runs/${nameOf(String(train))}`))
  const given = taken.data?.columns
  const columns = given ?? (typeof train === 'string' ? await guessColumns(train) : undefined)
  if (columns !== undefined && given === undefined) {
    output.line(
      `The rows of ${String(train)} have no form that is known: taken as ${JSON.stringify(columns)}.`,
    )
  }
  const data = { eval: 0.05, max_length: 512, ...taken.data, train, ...(columns && { columns }) }
  return { model, data, output: folder }
}

/** The largest of a few settings that fit into the memory of this machine, with steps of sixteen rows. */
async function fittedTo(config: RunConfigInput): Promise<RunConfigInput> {
  const path =
    typeof config.model === 'string'
      ? config.model
      : String((config.model as { path?: string }).path)
  const settings = [
    { batch: 4, checkpointing: undefined, quantization: undefined },
    { batch: 1, checkpointing: undefined, quantization: undefined },
    { batch: 1, checkpointing: true, quantization: undefined },
    { batch: 1, checkpointing: true, quantization: 'nf4' as const },
  ]
  const limit = memoryLimit()
  for (const { batch, checkpointing, quantization } of settings) {
    const { peakResidentBytes } = await estimateMemory({
      model: path,
      batchSize: batch,
      gradientAccumulation: 2,
      maxLength: Number(config.data?.max_length ?? 512),
      checkpointing,
      quantization,
    })
    const isLast = quantization !== undefined
    if (peakResidentBytes > 0.9 * limit && !isLast) continue
    return {
      ...config,
      ...(quantization && { model: { path, quantization } }),
      training: {
        batch_size: batch,
        gradient_accumulation: 16 / batch,
        learning_rate: 2e-4,
        schedule: 'cosine',
        ...(checkpointing && { gradient_checkpointing: checkpointing }),
      },
    }
  }
  return config
}

function nameOf(path: string): string {
  return (path.split('/').at(-1) ?? 'run').replace(/\.[^.]*$/, '')
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
