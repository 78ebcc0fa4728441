import { configYaml, type RunConfig } from '@llft/config'
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
  const folder = await RunFolder.create(config)
  await executeRun({
    output,
    folder,
    config,
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
