import type { RunEvent } from '@llft/train'

/** A check of `llft doctor`. */
export interface DoctorCheck {
  readonly name: string
  readonly state: 'ok' | 'warning' | 'problem'
  readonly value: string
  /** What to do; empty where nothing is. */
  readonly advice: string
}

/** Why a command failed; the last line then. */
export interface ErrorEvent {
  readonly type: 'error'
  /** Such as `ERR_LLFT_CONFIG`; `ERR_LLFT_INTERNAL` for a mistake in LLFT itself. */
  readonly code: string
  readonly message: string
  readonly exitCode: number
}

/** What `llft inspect` found. */
export interface InspectionEvent {
  readonly type: 'inspection'
  /** Such as 'model', 'adapter', 'safetensors', 'tokenizer', 'data'. */
  readonly kind: string
  readonly path: string
  /** What there is to know of the kind; sizes in bytes. */
  readonly facts: Readonly<Record<string, unknown>>
  /** What is wrong; the exit code is 3 where there is something. */
  readonly problems: readonly string[]
  /** What is worth knowing, though nothing is wrong. */
  readonly notes: readonly string[]
}

/** Who answers in a conversation: a model alone, or of two that are compared the base or the tuned one. */
export type Speaker = 'model' | 'base' | 'tuned'

/** A piece of an answer, as soon as it is certain. */
export interface TextEvent {
  readonly type: 'text'
  readonly who: Speaker
  readonly text: string
}

/** The end of an answer, with all of it. */
export interface AnswerEvent {
  readonly type: 'answer'
  readonly who: Speaker
  readonly text: string
  /** Tokens of it. */
  readonly tokens: number
  /** 'eos' at its own end, 'length' at --max-tokens or the end of the context, 'stopped' by Ctrl-C. */
  readonly reason: string
  readonly seconds: number
}

/** A question of `llft demo` with the answers of before and after the training. */
export interface DemoEvent {
  readonly type: 'demo'
  readonly question: string
  /** Whether it was in the training data word for word. */
  readonly trained: boolean
  readonly before: string
  readonly after: string
}

/** A folder that a command wrote. */
export interface WrittenEvent {
  readonly type: 'written'
  readonly path: string
  readonly files: readonly string[]
  /** Of the files together. */
  readonly bytes: number
  readonly seconds: number
}

/** Something that is amiss although the work went on. */
export interface NoticeEvent {
  readonly type: 'warning'
  readonly message: string
}

/** A run in `llft runs`. */
export interface RunSummary {
  readonly folder: string
  readonly state: 'running' | 'done' | 'stopped' | 'failed' | 'interrupted'
  readonly method: string
  readonly model: string
  readonly step: number
  readonly totalSteps: number
  readonly lastLoss: number | null
  readonly evalLoss: number | null
  readonly startedAt: string
  /** How to go on with it; null where it is done or still running. */
  readonly resume: string | null
}

/** The resolved configuration of `llft train --dry-run`. */
export interface ConfigEvent {
  readonly type: 'config'
  readonly config: unknown
}

/** What a run is expected to take. */
export interface EstimateEvent {
  readonly type: 'estimate'
  /** See MemoryEstimate of @llft/train; bytes. */
  readonly memory: unknown
  /** `{ tokensPerSecond, steps, seconds }`; undefined with --no-time. */
  readonly time: unknown
}

/** A run that is done, and where its result lies. */
export interface RunEndEvent {
  readonly type: 'run'
  readonly folder: string
  readonly result: string
}

/** Loss on a file. */
export interface EvaluationEvent {
  readonly type: 'evaluation'
  /** Nats per token. */
  readonly loss: number
  readonly perplexity: number
  readonly tokens: number
  readonly seconds: number
}

/** What became of the keys of another tool's configuration; see ImportRow of @llft/config. */
export interface ImportedEvent {
  readonly type: 'imported'
  readonly carried: unknown
  readonly changed: unknown
  readonly dropped: unknown
}

/** What `--json` writes, an object a line; `type` tells them apart. Fields are added, never changed. */
export type CliEvent =
  | ErrorEvent
  | NoticeEvent
  | ({ readonly type: 'check' } & DoctorCheck)
  | InspectionEvent
  | TextEvent
  | AnswerEvent
  | DemoEvent
  | WrittenEvent
  | ({ readonly type: 'runs' } & RunSummary)
  | ConfigEvent
  | EstimateEvent
  | RunEndEvent
  | EvaluationEvent
  | ImportedEvent
  | RunEvent
