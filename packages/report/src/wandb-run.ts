import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { ProtobufWriter } from './protobuf.js'
import { TransactionLog } from './transaction-log.js'

export interface WandbRunOptions {
  readonly project: string
  /** Of a run that goes on: what `id` was. Default: a new one. */
  readonly id?: string | undefined
  /** What people see. Default: the id. */
  readonly name?: string | undefined
  readonly config: Readonly<Record<string, unknown>>
  /** The clock, in milliseconds since 1970. */
  readonly now?: (() => number) | undefined
}

type Values = Readonly<Record<string, unknown>>

/**
 * An offline run of Weights & Biases, which `wandb sync` uploads: `wandb/offline-run-TIME-ID/run-ID.wandb`, a log of the
 * `Record` messages of `wandb_internal.proto`.
 */
export class WandbRun {
  #records = 0
  #summary: Values = {}

  private constructor(
    readonly id: string,
    /** Folder of the offline run. */
    readonly folder: string,
    private readonly log: TransactionLog,
    private readonly startedAt: number,
    private readonly now: () => number,
  ) {}

  /** Begins one in `folder/wandb`. */
  static async open(folder: string, options: WandbRunOptions): Promise<WandbRun> {
    const { project, config, now = Date.now } = options
    const id = options.id ?? randomBytes(4).toString('hex')
    const startedAt = now()
    const path = join(folder, 'wandb', `offline-run-${stamp(startedAt)}-${id}`)
    await mkdir(join(path, 'files'), { recursive: true })
    const log = await TransactionLog.create(join(path, `run-${id}.wandb`))
    const run = new WandbRun(id, path, log, startedAt, now)
    const time = new ProtobufWriter().varint(1, Math.floor(startedAt / 1000))
    const record = new ProtobufWriter()
      .text(1, id)
      .text(3, project)
      .message(4, items(config))
      .text(8, options.name ?? id)
      .text(13, hostname())
      .message(17, time)
    run.add(17, options.id === undefined ? record : record.varint(18, 1))
    await log.flush()
    return run
  }

  /** The figures of a step. */
  logStep(step: number, values: Readonly<Record<string, number>>): void {
    const now = this.now()
    const all = {
      ...values,
      _step: step,
      _timestamp: now / 1000,
      _runtime: (now - this.startedAt) / 1000,
    }
    this.#summary = { ...this.#summary, ...all }
    this.add(2, items(all).message(2, new ProtobufWriter().varint(1, step)))
  }

  flush(): Promise<void> {
    return this.log.flush()
  }

  /** Ends the run; what was logged last is its summary. */
  async finish(exitCode: number): Promise<void> {
    this.add(3, items(this.#summary))
    const seconds = Math.floor((this.now() - this.startedAt) / 1000)
    this.add(18, new ProtobufWriter().varint(1, exitCode).varint(2, seconds))
    await this.log.close()
  }

  private add(field: number, message: ProtobufWriter): void {
    this.#records++
    this.log.append(new ProtobufWriter().varint(1, this.#records).message(field, message).finish())
  }
}

/** Names with values as JSON, which configurations, histories and summaries have alike. */
function items(values: Values): ProtobufWriter {
  const list = new ProtobufWriter()
  for (const [key, value] of Object.entries(values)) {
    list.message(1, new ProtobufWriter().text(1, key).text(16, jsonOf(value)))
  }
  return list
}

/** NaN and infinity as W&B's readers take them. */
function jsonOf(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return JSON.stringify(value) ?? 'null'
}

/** `20261127_133000`, in UTC. */
function stamp(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '_')
}
