import type { Warnings } from '@llft/errors'
import type { CausalLM } from '@llft/runtime'
import { CheckpointFolder } from '../checkpoints/checkpoint-folder.js'
import { CheckpointWriter } from '../checkpoints/checkpoint-writer.js'
import type { RunIdentity } from '../checkpoints/fingerprints.js'
import { checkpointToResume, resumeFrom } from '../checkpoints/resume.js'
import type { CheckpointEvent } from '../loop/events.js'
import type { ResumePoint } from '../loop/loop-state.js'
import { planSteps } from '../loop/step-plan.js'
import type { ResultFacts } from './adaptation.js'
import type { ResolvedRunOptions } from './run-options.js'

interface CheckpointParts {
  readonly folder: string
  readonly model: CausalLM
  readonly identity: RunIdentity
  readonly batchesPerEpoch: number
  readonly facts: () => ResultFacts
  readonly warnings: Warnings
  readonly onSaved: (event: CheckpointEvent) => void
}

/** The checkpoints of one run: the one that it goes on from, and those that it writes. */
export class Checkpoints {
  private constructor(
    private readonly folder: CheckpointFolder,
    readonly writer: CheckpointWriter,
    readonly resumePoint: ResumePoint | undefined,
  ) {}

  /** Brings the parameters of the model back where the run goes on. @throws as `checkpointToResume` and `resumeFrom`. */
  static async open(
    options: ResolvedRunOptions,
    { folder: path, batchesPerEpoch, ...parts }: CheckpointParts,
  ): Promise<Checkpoints> {
    const { adaptation, where, resume, allowChanges } = options
    const { model, identity, warnings } = parts
    const folder = await CheckpointFolder.open(path, `${where}.checkpoints`)
    try {
      const resuming = { folder: path, resume, allowChanges, where, warnings }
      const found = await checkpointToResume(resuming)
      const point = found && (await resumeFrom(found, model, adaptation, identity, resuming))
      const { saveSteps, saveSeconds, saveTotalLimit: limit } = options
      const { totalSteps } = planSteps({
        batchesPerEpoch,
        gradientAccumulation: options.gradientAccumulation,
        epochs: options.epochs,
        maxSteps: options.maxSteps,
      })
      const settings = { adaptation, totalSteps, saveSteps, saveSeconds, limit, folder }
      const writer = new CheckpointWriter({ ...parts, ...settings })
      return new Checkpoints(folder, writer, point)
    } catch (error) {
      await folder.release()
      throw error
    }
  }

  /** Waits for what is being written, and lets other runs write there. */
  async close(): Promise<void> {
    await this.writer.settle()
    await this.folder.release()
  }
}
