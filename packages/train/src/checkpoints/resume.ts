import { join } from 'node:path'
import { ConfigError, type Warnings } from '@llft/errors'
import type { CausalLM, Tensor } from '@llft/runtime'
import { SafetensorsFile } from '@llft/safetensors'
import type { ResumePoint } from '../loop/loop-state.js'
import type { Adaptation } from '../run/adaptation.js'
import { copyFromFile } from '../run/copy-from-file.js'
import { latestCheckpoint, type StoredCheckpoint } from './checkpoint-folder.js'
import { type Change, differences, type RunIdentity, requireSameRun } from './fingerprints.js'
import { AVERAGE_FILE, OPTIMIZER_FILE, readRunState } from './run-state.js'

export interface ResumeOptions {
  /** The folder of the checkpoints. */
  readonly folder: string
  /** false: the folder must hold none. 'auto': go on if there is one. */
  readonly resume: boolean | 'auto'
  readonly allowChanges: readonly Change[]
  /** Starts every message. */
  readonly where: string
  readonly warnings: Warnings
}

/**
 * The checkpoint that a run goes on from; undefined for one that begins.
 *
 * @throws ConfigError if there is one and none is wanted, or the other way about; FormatError if all are damaged.
 */
export async function checkpointToResume({
  folder,
  resume,
  where,
  warnings,
}: ResumeOptions): Promise<StoredCheckpoint | undefined> {
  const found = await latestCheckpoint(folder, warnings)
  if (found !== undefined && resume === false) {
    throw new ConfigError(
      `${where}.checkpoints: must be a folder without checkpoints for a new run; got '${folder}' with one of step ${found.step}. Go on from it with resume: true, or choose another folder.`,
    )
  }
  if (found === undefined && resume === true) {
    throw new ConfigError(
      `${where}.resume: a checkpoint must be there to go on from; got none in '${folder}'. Leave resume out to begin, or set it to 'auto'.`,
    )
  }
  return found
}

/**
 * Brings the parameters of `model` back, and says what the loop and its optimiser go on from.
 *
 * @throws ConfigError for a run that is another one than was recorded, with the differences.
 */
export async function resumeFrom(
  { folder }: StoredCheckpoint,
  model: CausalLM,
  adaptation: Adaptation,
  identity: RunIdentity,
  { allowChanges, where, warnings }: ResumeOptions,
): Promise<ResumePoint> {
  const state = await readRunState(folder)
  const found = differences(state, identity)
  for (const { text } of requireSameRun(found, allowChanges, where)) {
    warnings.add(
      'WARN_LLFT_RESUME_CHANGED',
      `the run goes on with a change: ${text}.`,
      'It will not have the bits of the run that was interrupted.',
    )
  }
  await adaptation.restore(model, folder)
  return {
    state: state.loop,
    async restore(optimizer, average) {
      await fill(optimizer.state().tensors, join(folder, OPTIMIZER_FILE))
      optimizer.setSteps(state.optimizerSteps)
      if (average !== undefined) await fill(average.state().tensors, join(folder, AVERAGE_FILE))
    },
  }
}

/** Copies the tensors of a file into those of their names. */
async function fill(tensors: Readonly<Record<string, Tensor>>, path: string): Promise<void> {
  const file = await SafetensorsFile.open(path)
  for (const [name, tensor] of Object.entries(tensors)) await copyFromFile(file, name, tensor)
}
