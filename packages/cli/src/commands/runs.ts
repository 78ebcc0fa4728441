import { sparkline } from '@llft/report'
import type { RunSummary } from '../cli-event.js'
import type { CommandContext } from '../command-context.js'
import type { Output } from '../output.js'
import { type RunFolder, runsIn } from '../run-folder.js'

/** `llft runs [FOLDER]` */
export async function runs({ output, args }: CommandContext): Promise<void> {
  const [folder = 'runs'] = args
  const found = await runsIn(folder)
  if (found.length === 0)
    output.line(`No runs in ${folder}. Begin one: llft init, then llft train config.yaml.`)
  for (const run of found) await show(output, run)
}

async function show(output: Output, run: RunFolder): Promise<void> {
  const summary = await run.summary()
  output.event({ type: 'runs', ...summary })
  const { paint } = output
  const { folder, step, totalSteps, lastLoss, evalLoss, resume } = summary
  const losses = [
    lastLoss === null ? '' : `loss ${lastLoss.toFixed(3)}`,
    evalLoss === null ? '' : `held-out ${evalLoss.toFixed(3)}`,
  ].filter(Boolean)
  output.line(
    `${paint.bold(folder)}  ${stateWord(output, summary.state)}  ${step}/${totalSteps} steps  ${losses.join('  ')}`,
  )
  output.line(`  ${sparkline(await run.losses(), 40)}`)
  if (resume !== null) output.line(paint.dim(`  ${resume}`))
}

function stateWord({ paint }: Output, state: RunSummary['state']): string {
  const colours = {
    running: paint.cyan,
    done: paint.green,
    stopped: paint.yellow,
    interrupted: paint.yellow,
    failed: paint.red,
  }
  return colours[state](state)
}
