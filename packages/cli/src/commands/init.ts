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
  const isOther = (name: string, value: unknown) => value === undefined || name in options
  const known = taken.model as { path?: string } | undefined
  const path = isOther('model', known?.path)
    ? await ask('model', 'Folder of the model', 'models/')
    : known?.path
  const model = known === undefined ? path : { ...known, path }
  const train = isOther('data', taken.data?.train)
    ? await ask('data', 'File to train on (.jsonl, .json, .csv, .txt)', 'train.jsonl')
    : taken.data?.train
  const folder = isOther('output', taken.output)
    ? await ask('output', 'Folder of the run', `runs/${nameOf(String(train))}`)
    : taken.output
  const columns = taken.data?.columns ?? (await columnsOf(output, train, options))
  const usual = 'from' in options ? {} : { eval: 0.05, max_length: 512 }
  const data = { ...usual, ...taken.data, train, ...(columns && { columns }) }
  return { model, data, output: folder } as RunConfigInput
}

/** Columns to name for rows whose form is not known. A file that another tool would have downloaded need not be here yet. */
async function columnsOf(
  output: Output,
  train: unknown,
  options: Readonly<Record<string, unknown>>,
) {
  if (typeof train !== 'string') return undefined
  if ('from' in options && !(await exists(train))) {
    output.warn(`${train} is not here: put the file there, or name yours in data.train.`)
    return undefined
  }
  const columns = await guessColumns(train)
  if (columns !== undefined) {
    output.line(
      `The rows of ${train} have no form that is known: taken as ${JSON.stringify(columns)}.`,
    )
  }
  return columns
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
