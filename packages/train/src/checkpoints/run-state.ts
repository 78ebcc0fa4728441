import { join } from 'node:path'
import { FormatError } from '@llft/errors'
import { readJsonFile } from '@llft/input'
import { z } from 'zod'
import type { LoopState } from '../loop/loop-state.js'
import type { RunIdentity } from './fingerprints.js'

/** What a checkpoint says beside its tensors. */
export const STATE_FILE = 'run_state.json'
export const OPTIMIZER_FILE = 'optimizer.safetensors'
export const AVERAGE_FILE = 'average.safetensors'

/** What a run goes on with, but for tensors. */
export interface RunState extends RunIdentity {
  /** Steps that were done. */
  readonly step: number
  readonly totalSteps: number
  readonly loop: LoopState
  /** Steps that the optimiser took, by parameter. */
  readonly optimizerSteps: Readonly<Record<string, number>>
}

// JSON has no NaN: a loss of that value is null.
const figure = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN)
const count = z.number().int().nonnegative()
const optionalText = z.string().optional()

const schema = z.strictObject({
  step: count,
  totalSteps: count,
  loop: z.strictObject({
    random: z.strictObject({ seed: count, offset: count }),
    losses: z.array(figure),
    log: z.array(
      z.strictObject({
        step: count,
        epoch: z.number(),
        loss: figure,
        lr: z.number(),
        gradNorm: figure,
      }),
    ),
    evalLosses: z.array(
      z.strictObject({
        step: count,
        loss: figure,
        metrics: z.record(z.string(), figure).optional(),
      }),
    ),
    skipped: z.array(z.strictObject({ step: count, examples: z.array(z.string()) })),
    strikes: count,
    tokens: count,
    trainedTokens: count,
    trainSeconds: z.number(),
    evalSeconds: z.number(),
  }),
  optimizerSteps: z.record(z.string(), count),
  fingerprints: z.strictObject({
    data: z.string(),
    heldOut: optionalText,
    base: optionalText,
    tokenizer: z.string(),
    template: optionalText,
  }),
  settings: z.record(z.string(), z.unknown()),
})

/** @throws FormatError for a file of another form. */
export async function readRunState(folder: string): Promise<RunState> {
  const path = join(folder, STATE_FILE)
  const parsed = schema.safeParse(await readJsonFile(path, { maxBytes: 2 ** 29 }))
  if (parsed.success) return parsed.data as RunState
  const [issue] = parsed.error.issues
  throw new FormatError(
    `${path}: must be the state of a run of this version; got ${issue?.path.join('.')}: ${issue?.message}.`,
  )
}
