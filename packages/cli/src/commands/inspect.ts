import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError, DataError } from '@llft/errors'
import type { CommandContext } from '../command-context.js'
import { inspectAdapter } from '../inspect/adapter.js'
import { inspectData } from '../inspect/data.js'
import type { Inspection } from '../inspect/inspection.js'
import { inspectModel, inspectTensorFile } from '../inspect/model.js'
import { inspectRun } from '../inspect/run.js'
import { inspectTokenizer } from '../inspect/tokenizer.js'
import type { Output } from '../output.js'
import { RunFolder } from '../run-folder.js'

/** `llft inspect PATH` */
export async function inspect({ output, args, options }: CommandContext): Promise<void> {
  const [path] = args as [string]
  show(output, await inspectionOf(path, options))
}

async function inspectionOf(
  path: string,
  options: Readonly<Record<string, unknown>>,
): Promise<Inspection> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined)
    throw new DataError(`${path}: must be a file or a folder; got nothing there.`)
  const lists = options.tensors === true
  if (!found.isDirectory()) {
    if (path.endsWith('.safetensors')) return inspectTensorFile(path, lists)
    if (path.endsWith('tokenizer.json')) return inspectTokenizer(join(path, '..'))
    return inspectData(path, options.model as string | undefined)
  }
  const names = new Set(await readdir(path))
  if (await new RunFolder(path).record()) return inspectRun(path)
  if (names.has('adapter_config.json')) return inspectAdapter(path, lists)
  if (names.has('config.json')) return inspectModel(path, lists)
  if (names.has('tokenizer.json')) return inspectTokenizer(path)
  throw new ConfigError(
    `${path}: must be a model, an adapter, a tokenizer, a run, a .safetensors or a data file; got a folder with ${[...names].slice(0, 5).join(', ') || 'nothing'}.`,
  )
}

function show(output: Output, { kind, path, facts, problems, text }: Inspection): void {
  output.event({ type: 'inspection', kind, path, facts, problems })
  output.line(`${output.paint.bold(path)}  ${kind}`)
  output.table(Object.entries(facts).map(([name, value]) => [`  ${name}`, String(value)]))
  if (text !== undefined) output.line(`\n${text}`)
  for (const problem of problems) output.line(output.paint.yellow(`  problem: ${problem}`))
}
