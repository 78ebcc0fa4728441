import type { RunEvent } from '@llft/train'

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
  /** How to go on with it; null where it is done. */
  readonly resume: string | null
}

/** A check of `llft doctor`. */
export interface DoctorCheck {
  readonly name: string
  readonly state: 'ok' | 'warning' | 'problem'
  readonly value: string
  /** What to do; empty where nothing is. */
  readonly advice: string
}

/** What `--json` writes, an object a line; `type` tells them apart. Fields are added, never changed. */
export type CliEvent =
  | {
      readonly type: 'error'
      readonly code: string
      readonly message: string
      readonly exitCode: number
    }
  | { readonly type: 'config'; readonly config: unknown }
  | { readonly type: 'estimate'; readonly memory: unknown; readonly time: unknown }
  | { readonly type: 'run'; readonly folder: string; readonly result: string }
  | ({ readonly type: 'runs' } & RunSummary)
  | ({ readonly type: 'check' } & DoctorCheck)
  | {
      readonly type: 'inspection'
      readonly kind: string
      readonly path: string
      readonly facts: Readonly<Record<string, unknown>>
      readonly problems: readonly string[]
    }
  | { readonly type: 'text'; readonly who: string; readonly text: string }
  | {
      readonly type: 'answer'
      readonly who: string
      readonly text: string
      readonly tokens: number
    }
  | {
      readonly type: 'evaluation'
      readonly loss: number
      readonly perplexity: number
      readonly tokens: number
      readonly seconds: number
    }
  | {
      readonly type: 'written'
      readonly path: string
      readonly files?: readonly string[] | undefined
    }
  | {
      readonly type: 'imported'
      readonly carried: unknown
      readonly changed: unknown
      readonly dropped: unknown
    }
  | RunEvent
