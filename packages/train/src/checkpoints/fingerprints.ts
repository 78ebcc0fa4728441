import { createHash } from 'node:crypto'
import type { Example } from '@llft/data'
import { ConfigError } from '@llft/errors'

/** What may differ between a checkpoint and the run that goes on from it, if it is allowed by name. */
export const CHANGES = ['data', 'base', 'tokenizer', 'template', 'configuration'] as const
export type Change = (typeof CHANGES)[number]

/** What decides on the bits of a run. */
export interface Fingerprints {
  /** Of token ids and labels of the rows, in their order, and of those that are held out. */
  readonly data: string
  readonly heldOut: string | undefined
  /** Of the base model; undefined for one that was made in memory. */
  readonly base: string | undefined
  readonly tokenizer: string
  readonly template: string | undefined
}

/** The options that decide on the bits of a run, by name. */
export type RunSettings = Readonly<Record<string, unknown>>

/** Both, as a checkpoint records them. */
export interface RunIdentity {
  readonly fingerprints: Fingerprints
  readonly settings: RunSettings
}

/** SHA-256 of what is learnt from. */
export function fingerprintOfExamples(examples: readonly Example[]): string {
  const hash = createHash('sha256')
  for (const { ids, labels } of examples) {
    hash.update(Int32Array.of(ids.length))
    hash.update(Int32Array.from(ids))
    hash.update(Int32Array.from(labels))
  }
  return hash.digest('hex')
}

/** A thing that is not as the checkpoint recorded it. */
export interface Difference {
  readonly change: Change
  /** Such as `learningRate: 0.0002 recorded, 0.0001 now`. */
  readonly text: string
}

/** What differs between the recorded run and this one. */
export function differences(recorded: RunIdentity, now: RunIdentity): Difference[] {
  const found: Difference[] = []
  const { fingerprints: then } = recorded
  const add = (change: Change, name: string, before: unknown, after: unknown) => {
    if (canonical(before) === canonical(after)) return
    found.push({ change, text: `${name}: ${shownAs(before)} recorded, ${shownAs(after)} now` })
  }
  add('data', 'rows to train on', short(then.data), short(now.fingerprints.data))
  add('data', 'held-out rows', short(then.heldOut), short(now.fingerprints.heldOut))
  add('base', 'base model', short(then.base), short(now.fingerprints.base))
  add('tokenizer', 'tokenizer', short(then.tokenizer), short(now.fingerprints.tokenizer))
  add('template', 'chat template', short(then.template), short(now.fingerprints.template))
  const names = new Set([...Object.keys(recorded.settings), ...Object.keys(now.settings)])
  for (const name of names) {
    add('configuration', name, recorded.settings[name], now.settings[name])
  }
  return found
}

/**
 * @returns the differences that are allowed
 * @throws ConfigError that lists those that are not
 */
export function requireSameRun(
  found: readonly Difference[],
  allowed: readonly Change[],
  where: string,
): readonly Difference[] {
  const refused = found.filter(({ change }) => !allowed.includes(change))
  if (refused.length === 0) return found
  const names = [...new Set(refused.map(({ change }) => `'${change}'`))].join(', ')
  throw new ConfigError(
    `${where}.resume: the run must be the one of the checkpoint; got another: ${refused.map(({ text }) => text).join('; ')}. Put it back, begin a new run, or allow it: allowChanges: [${names}].`,
  )
}

function short(hash: string | undefined): string | undefined {
  return hash?.slice(0, 12)
}

function shownAs(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}

/** JSON with sorted keys: two values that mean the same give the same text. */
function canonical(value: unknown): string {
  const sort = (_: string, at: unknown) =>
    typeof at === 'object' && at !== null && !Array.isArray(at)
      ? Object.fromEntries(Object.entries(at).sort(([a], [b]) => (a < b ? -1 : 1)))
      : at
  return JSON.stringify(value, sort) ?? 'undefined'
}
