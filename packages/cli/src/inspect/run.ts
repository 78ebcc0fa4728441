import { join } from 'node:path'
import { sparkline } from '@llft/report'
import { damageOf, listCheckpoints } from '@llft/train'
import type { NextStep } from '../output.js'
import { RunFolder } from '../run-folder.js'
import { shellWord } from '../shell-word.js'
import type { Inspection, Inspector, Place } from './inspection.js'

const CURVE_CELLS = 40

/** The folder of a run: how far it is, and whether its checkpoints are whole. */
export const runInspector: Inspector = {
  kind: 'run',
  matches: ({ files }) => files.has('run.json') && files.has('config.json'),
  inspect: inspectRun,
}

async function inspectRun({ path }: Place): Promise<Inspection> {
  const run = new RunFolder(path)
  const summary = await run.summary()
  const stored = await listCheckpoints(join(path, 'checkpoints'))
  const problems: string[] = []
  for (const { step, folder } of stored) {
    const damage = await damageOf(folder, step)
    if (damage !== undefined) problems.push(`checkpoint of step ${step}: ${damage}`)
  }
  const { state, method, model, step, totalSteps, lastLoss, evalLoss, startedAt, resume } = summary
  const word = shellWord(path)
  const next: NextStep[] = [
    ...(resume === null ? [] : [[resume, 'go on with it'] as const]),
    [`llft chat ${word} --compare`, 'see what it learnt'],
  ]
  return {
    summary: `a run, ${state}, ${step} of ${totalSteps} steps`,
    facts: { ...summary, checkpoints: stored.map((one) => one.step) },
    sections: [
      {
        title: 'Run',
        rows: [
          ['model', `${model}, ${method}`],
          [
            'loss',
            `${lastLoss?.toFixed(4) ?? 'none'}  ${sparkline(await run.losses(), CURVE_CELLS)}`,
          ],
          ...(evalLoss === null ? [] : [['held-out loss', evalLoss.toFixed(4)] as const]),
          ['checkpoints', stored.map((one) => `step ${one.step}`).join(', ') || 'none'],
          ['started', startedAt],
        ],
      },
    ],
    problems,
    notes: [],
    next,
  }
}
