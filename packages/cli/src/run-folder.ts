import { access, mkdir, readdir, rm, rmdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type RunConfig, runFolders } from '@llft/config'
import { ConfigError } from '@llft/errors'
import { readJsonIfThere } from '@llft/input'
import { readMetrics } from '@llft/report'
import { isAlive, writeFileAtomic } from '@llft/safetensors'
import type { RunSummary } from './cli-event.js'

const RECORD = 'run.json'

/** What a run says of itself in its folder. */
export interface RunRecord {
  readonly state: 'running' | 'done' | 'stopped' | 'failed'
  readonly reason?: string | undefined
  readonly pid: number
  readonly host: string
  readonly startedAt: string
  readonly endedAt?: string | undefined
  readonly totalSteps: number
  readonly command: string
}

/** The folder of a run: its configuration, what it says of itself, metrics, checkpoints and the result. */
export class RunFolder {
  constructor(readonly path: string) {}

  /** Makes the folder of a new run. @throws ConfigError if there is one in it. */
  static async create(config: RunConfig): Promise<RunFolder> {
    const folder = new RunFolder(config.output)
    if (await folder.exists()) {
      throw new ConfigError(
        `${config.output}: must be the folder of a new run; got one that holds a run. Go on with it: llft resume ${config.output}, or choose another output.`,
      )
    }
    await mkdir(config.output, { recursive: true })
    await writeFileAtomic(runFolders(config).config, `${JSON.stringify(config, null, 2)}\n`)
    return folder
  }

  /** Takes back what `create` wrote, for a run that never began: the next one may have the folder. */
  async abandon(): Promise<void> {
    for (const name of ['config.json', RECORD]) await rm(join(this.path, name), { force: true })
    await rmdir(join(this.path, 'checkpoints')).catch(() => undefined)
    await rmdir(this.path).catch(() => undefined)
  }

  async exists(): Promise<boolean> {
    return access(join(this.path, 'config.json')).then(
      () => true,
      () => false,
    )
  }

  async record(): Promise<RunRecord | undefined> {
    return (await readJsonIfThere(join(this.path, RECORD))) as RunRecord | undefined
  }

  async write(record: Omit<RunRecord, 'pid' | 'host'>): Promise<void> {
    const whole: RunRecord = { ...record, pid: process.pid, host: hostname() }
    await writeFileAtomic(join(this.path, RECORD), `${JSON.stringify(whole, null, 2)}\n`)
  }

  /** The losses of its steps so far. */
  async losses(): Promise<number[]> {
    const lines = await readMetrics(join(this.path, 'metrics.jsonl'))
    return lines.filter(({ type }) => type === 'step').map(({ loss }) => Number(loss ?? Number.NaN))
  }

  /** What `llft runs` shows. */
  async summary(): Promise<RunSummary> {
    const config = (await readJsonIfThere(join(this.path, 'config.json'))) as unknown as RunConfig
    const record = await this.record().catch(() => undefined)
    const lines = await readMetrics(join(this.path, 'metrics.jsonl'))
    const last = (type: string) => lines.filter((line) => line.type === type).at(-1)
    const state = stateOf(record)
    return {
      folder: this.path,
      state,
      method: config.method,
      model: config.model.path,
      step: Number(last('step')?.step ?? 0),
      totalSteps: record?.totalSteps ?? 0,
      lastLoss: (last('step')?.loss as number | undefined) ?? null,
      evalLoss: (last('eval')?.loss as number | undefined) ?? null,
      startedAt: record?.startedAt ?? '',
      resume: state === 'done' || state === 'running' ? null : `llft resume ${this.path}`,
    }
  }
}

/** Every run below `folder`, the latest first. */
export async function runsIn(folder: string): Promise<RunFolder[]> {
  const names = await readdir(folder, { withFileTypes: true })
  const folders = names.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name))
  const found: { run: RunFolder; startedAt: string }[] = []
  for (const path of [folder, ...folders]) {
    const run = new RunFolder(path)
    const record = (await run.exists()) ? await run.record().catch(() => undefined) : undefined
    if (record !== undefined) found.push({ run, startedAt: record.startedAt })
  }
  return found.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1)).map(({ run }) => run)
}

function stateOf(record: RunRecord | undefined): RunSummary['state'] {
  if (record === undefined) return 'interrupted'
  if (record.state !== 'running') return record.state
  // A process that is gone without a word was killed.
  const lives = record.host !== hostname() || isAlive(record.pid)
  return lives ? 'running' : 'interrupted'
}
