import { mkdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { freemem } from 'node:os'
import { join } from 'node:path'
import type { Warnings } from '@llft/errors'
import { type CausalLM, readSumSquares, type Tensor, tensorSource } from '@llft/runtime'
import { safetensorsBytes, syncFolder } from '@llft/safetensors'
import type { CheckpointEvent } from '../loop/events.js'
import type { Checkpointer, LoopState } from '../loop/loop-state.js'
import type { Optimizer } from '../optimizers/optimizer.js'
import type { ParameterAverage } from '../optimizers/parameter-average.js'
import type { Adaptation, ResultFacts, ResultFile } from '../run/adaptation.js'
import { writeCheckpointFile } from './checkpoint-file.js'
import type { CheckpointFolder } from './checkpoint-folder.js'
import type { RunIdentity } from './fingerprints.js'
import { FORMAT, MANIFEST, type Manifest, type ManifestEntry } from './manifest.js'
import { AVERAGE_FILE, OPTIMIZER_FILE, type RunState, STATE_FILE } from './run-state.js'
import { snapshotOf, tensorBytesOf, tensorsOf } from './snapshot.js'
import { bestEvaluation, TRAINER_STATE_FILE, trainerStateText } from './trainer-state.js'

/** Room that a checkpoint must find on the disk, in its own size. */
const ROOM = 1.2
/** Share of the free memory that copies for a checkpoint may take; larger ones are written while the run waits. */
const MEMORY_SHARE = 0.5

export interface CheckpointWriterOptions {
  readonly folder: CheckpointFolder
  readonly model: CausalLM
  readonly adaptation: Adaptation
  readonly identity: RunIdentity
  readonly totalSteps: number
  readonly saveSteps: number | undefined
  readonly saveSeconds: number | undefined
  /** Checkpoints that are kept beside the best. */
  readonly limit: number
  readonly facts: () => ResultFacts
  readonly warnings: Warnings
  /** Told of each one once it is on the disk. */
  readonly onSaved: (event: CheckpointEvent) => void
  /** The clock, in milliseconds. */
  readonly now?: () => number
}

/**
 * Writes checkpoints: what is on the device is copied between two steps, and written while the run goes on.
 *
 * Every file is flushed, the manifest with their hashes comes last, the folder gets its name by one rename, and older ones
 * go after that: whenever the process is killed, what has the name of a checkpoint is one. A disk that is full costs a
 * checkpoint, and a warning, never the run.
 */
export class CheckpointWriter implements Checkpointer {
  #writing: Promise<void> = Promise.resolve()
  #lastStep: number | undefined
  #lastTime: number

  constructor(
    private readonly options: CheckpointWriterOptions,
    private readonly now = options.now ?? (() => performance.now()),
  ) {
    this.#lastTime = this.now()
  }

  isDue(step: number): boolean {
    const { saveSteps, saveSeconds } = this.options
    const bySteps = saveSteps !== undefined && step % saveSteps === 0
    const seconds = (this.now() - this.#lastTime) / 1000
    return bySteps || (saveSeconds !== undefined && seconds >= saveSeconds)
  }

  async save(
    loop: LoopState,
    optimizer: Optimizer,
    average: ParameterAverage | undefined,
  ): Promise<void> {
    const started = this.now()
    const step = loop.losses.length
    if (step === this.#lastStep) return
    this.#lastTime = started
    await this.#writing
    const { adaptation, model, facts } = this.options
    const files = [
      ...(await adaptation.checkpointFiles(model, facts())),
      ...this.stateFiles(loop, optimizer),
      ...(average === undefined ? [] : [tensorFile(AVERAGE_FILE, average.state().tensors)]),
    ]
    const isSmall = tensorBytesOf(files) < MEMORY_SHARE * freemem()
    const finite = readSumSquares(optimizer.parameters.map(({ tensor }) => tensor))
    finite.catch(() => undefined)
    const taken = isSmall ? snapshotOf(files) : files
    const stalled = { seconds: (this.now() - started) / 1000 }
    this.#writing = this.write(taken, { loop, finite, started, stalled }).catch((error: Error) =>
      this.warn(step, error),
    )
    this.#lastStep = step
    if (!isSmall) await this.#writing
    stalled.seconds = (this.now() - started) / 1000
  }

  /** Waits for what is being written. */
  settle(): Promise<void> {
    return this.#writing
  }

  private stateFiles(loop: LoopState, optimizer: Optimizer): ResultFile[] {
    const { identity, totalSteps, folder } = this.options
    const { steps, tensors } = optimizer.state()
    const state: RunState = {
      step: loop.losses.length,
      totalSteps,
      loop,
      optimizerSteps: steps,
      ...identity,
    }
    return [
      tensorFile(OPTIMIZER_FILE, tensors),
      { name: TRAINER_STATE_FILE, content: trainerStateText(state, (step) => folder.pathOf(step)) },
      { name: STATE_FILE, content: `${JSON.stringify(state)}\n` },
    ]
  }

  private async write(files: readonly ResultFile[], snapshot: Snapshot): Promise<void> {
    const { folder, onSaved } = this.options
    const { loop, finite, started, stalled } = snapshot
    const step = loop.losses.length
    await this.requireRoom(tensorBytesOf(files))
    const temporary = folder.temporary(step)
    try {
      const bytes = await writeFiles(temporary, step, files)
      if (!Number.isFinite(await finite)) throw new Error('its parameters are not finite')
      await this.commit(temporary, step)
      const isBest = bestEvaluation(loop.evalLosses)?.step === step
      await this.removeOld(loop)
      onSaved({
        type: 'checkpoint',
        step,
        folder: folder.pathOf(step),
        isBest,
        bytes,
        stallSeconds: stalled.seconds,
        seconds: (this.now() - started) / 1000,
      })
    } finally {
      await rm(temporary, { recursive: true, force: true }).catch(() => undefined)
    }
  }

  /** A folder of that name is one that could not be resumed from, or that a changed run replaces. */
  private async commit(temporary: string, step: number): Promise<void> {
    const { folder } = this.options
    const path = folder.pathOf(step)
    if (await stat(path).catch(() => undefined)) await folder.remove({ step, folder: path })
    await rename(temporary, path)
    await syncFolder(folder.path)
  }

  private async removeOld({ evalLosses }: LoopState): Promise<void> {
    const { folder, limit } = this.options
    const all = await folder.list()
    const steps = new Set(all.map(({ step }) => step))
    const best = bestEvaluation(evalLosses.filter(({ step }) => steps.has(step)))
    for (const checkpoint of all.slice(limit)) {
      if (checkpoint.step !== best?.step) await folder.remove(checkpoint)
    }
  }

  private async requireRoom(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.options.folder.path)
    if (bavail * bsize >= ROOM * bytes) return
    throw new Error(
      `the disk has ${megabytes(bavail * bsize)} free of the ${megabytes(ROOM * bytes)} that it needs`,
    )
  }

  private warn(step: number, error: Error): void {
    this.#lastStep = undefined
    this.options.warnings.add(
      'WARN_LLFT_CHECKPOINT_FAILED',
      `the checkpoint of step ${step} could not be written (${error.message}); those before it are kept and the run goes on.`,
      'Make room on the disk: the next one is tried in its turn.',
    )
  }
}

interface Snapshot {
  readonly loop: LoopState
  /** Whether what trains is finite is known once this is read. */
  readonly finite: Promise<number>
  /** By the clock, in milliseconds. */
  readonly started: number
  /** How long the run waited, once that is known. */
  readonly stalled: { readonly seconds: number }
}

function tensorFile(name: string, tensors: Readonly<Record<string, Tensor>>): ResultFile {
  const content = Object.entries(tensors).map(([name, tensor]) =>
    tensorSource(name, tensor, tensor.dtype),
  )
  return { name, content }
}

/** Writes the files and their manifest to a new folder. @returns their bytes */
async function writeFiles(
  folder: string,
  step: number,
  files: readonly ResultFile[],
): Promise<number> {
  await mkdir(folder)
  const entries: Record<string, ManifestEntry> = {}
  for (const { name, content } of files) {
    const path = join(folder, name)
    entries[name] = await writeCheckpointFile(path, bytesOf(path, content))
  }
  const manifest: Manifest = { format: FORMAT, step, files: entries }
  // Without a newline at its end it is no JSON any more when it is cut.
  const text = new TextEncoder().encode(JSON.stringify(manifest, null, 2))
  await writeCheckpointFile(join(folder, MANIFEST), [text])
  await syncFolder(folder)
  return Object.values(entries).reduce((sum, { bytes }) => sum + bytes, 0)
}

function bytesOf(
  path: string,
  content: ResultFile['content'],
): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  if (typeof content === 'string') return [new TextEncoder().encode(content)]
  if (content instanceof Uint8Array) return [content]
  return safetensorsBytes(path, tensorsOf(content))
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
