import { join } from 'node:path'
import { checkConfig, readConfigSource } from '@llft/config'
import { ConfigError } from '@llft/errors'
import { CHANGES, type Change } from '@llft/train'
import type { CommandContext } from '../command-context.js'
import { executeRun } from '../execute-run.js'
import { allValuesOfCommand } from '../read-options.js'
import { RunFolder } from '../run-folder.js'

/** `llft resume RUN` */
export async function resume({ output, args, options, exit }: CommandContext): Promise<void> {
  const [path] = args as [string]
  const folder = new RunFolder(path)
  if (!(await folder.exists())) {
    throw new ConfigError(
      `${path}: must be the folder of a run; got none with a config.json. List them: llft runs.`,
    )
  }
  const record = await folder.record().catch(() => undefined)
  if (record?.state === 'done') {
    throw new ConfigError(
      `${path}: the run must not be done; got one that is. Train on from its weights: llft train CONFIG --continue-from ${path}.`,
    )
  }
  const source = await readConfigSource(join(path, 'config.json'))
  const config = checkConfig(source, allValuesOfCommand(options))
  const extra = {
    resume: 'auto' as const,
    allowChanges: changesOf(options.allowChanges),
  }
  await executeRun({
    output,
    folder,
    config: { ...config, output: path },
    extra,
    exit,
    command: `llft resume ${path}`,
  })
}

function changesOf(text: unknown): Change[] {
  const names = typeof text === 'string' ? text.split(',').map((name) => name.trim()) : []
  const unknown = names.find((name) => !(CHANGES as readonly string[]).includes(name))
  if (unknown === undefined) return names as Change[]
  throw new ConfigError(`--allow-changes: must name ${CHANGES.join(', ')}; got '${unknown}'.`)
}
