import { join } from 'node:path'
import { sparkline } from '@llft/report'
import { damageOf, listCheckpoints } from '@llft/train'
import { RunFolder } from '../run-folder.js'
import type { Inspection } from './inspection.js'

/** The folder of a run: how far it is, and whether its checkpoints are whole. */
export async function inspectRun(path: string): Promise<Inspection> {
  const run = new RunFolder(path)
  const summary = await run.summary()
  const stored = await listCheckpoints(join(path, 'checkpoints'))
  const problems: string[] = []
  for (const { step, folder } of stored) {
    const damage = await damageOf(folder, step)
    if (damage !== undefined) problems.push(`checkpoint of step ${step}: ${damage}`)
  }
  const { state, method, model, step, totalSteps, lastLoss, evalLoss, startedAt, resume } = summary
  return {
    kind: 'run',
    path,
    facts: {
      state,
      model: `${model}, ${method}`,
      steps: `${step} of ${totalSteps}`,
      loss: `${lastLoss?.toFixed(4) ?? 'none'}  ${sparkline(await run.losses(), 40)}`,
      ...(evalLoss !== null && { 'held-out loss': evalLoss.toFixed(4) }),
      checkpoints: stored.map((one) => one.step).join(', ') || 'none',
      started: startedAt,
      ...(resume !== null && { next: resume }),
    },
    problems,
  }
}
