// Pre-trains the embedded model from nothing on the texts of $LLFT_SHARED/data. A run that was stopped goes on from its
// last checkpoint when started again.
// Usage: LLFT_SHARED=DIR node demo/dist/pretrain/pretrain.js [--steps N] [--out DIR] [--state DIR]
import { appendFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createModel, saveModel } from '@llft/runtime'
import { writeFileAtomic } from '@llft/safetensors'
import { Tokenizer } from '@llft/tokenizer'
import { createSchedule, decayGroups, evaluate, train, trainAllParameters } from '@llft/train'
import { clock, StatusLine } from '../terminal/status-line.js'
import { corpusFolder, readCorpus } from './corpus.js'
import { CONTEXT, MODEL_CONFIG } from './model-config.js'
import { RunState } from './run-state.js'
import { ScheduledAdamW } from './scheduled-adamw.js'
import { packedEpoch, tokenizeCorpus } from './token-stream.js'

const SEED = 20
const BATCH_TOKENS = 4096
const PEAK_LEARNING_RATE = 3e-3
const WARMUP_STEPS = 200
const HOLD_OUT_EVERY = 60
/** Steps between checkpoints, each with an evaluation: some two minutes. */
const PART_STEPS = 250

const demo = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '5000' },
    out: { type: 'string', default: join(demo, 'model') },
    state: { type: 'string', default: join(demo, 'out', 'pretrain') },
    dtype: { type: 'string', default: 'bfloat16' },
  },
})
const totalSteps = Number(values.steps)
const log = join(values.out, 'pretrain-log.jsonl')
const status = new StatusLine(process.stdout, 30_000)

const tokenizer = await Tokenizer.fromFolder(values.out)
const documents = readCorpus(corpusFolder())
const { training, heldOut } = tokenizeCorpus(tokenizer, documents, {
  context: CONTEXT,
  holdOutEvery: HOLD_OUT_EVERY,
})
const tokenCount = training.reduce((sum, piece) => sum + piece.ids.length, 0)
console.log(
  `${documents.length} documents, ${tokenCount} tokens to train on, ${heldOut.length} pieces held out`,
)

const dtype = values.dtype === 'float32' ? 'float32' : 'bfloat16'
const model = createModel(MODEL_CONFIG, { seed: SEED, dtype })
const parameters = trainAllParameters(model)
const schedule = createSchedule({
  schedule: 'cosine',
  totalSteps,
  warmupSteps: Math.min(WARMUP_STEPS, totalSteps >> 2),
})
const optimizer = new ScheduledAdamW(
  decayGroups(parameters, 0.1),
  { beta1: 0.9, beta2: 0.95 },
  (step) => PEAK_LEARNING_RATE * (0.1 + 0.9 * schedule(step)),
)
const state = await RunState.open(values.state, model, optimizer)
let seconds = state.seconds
if (optimizer.stepsDone === 0) rmSync(log, { force: true })

while (optimizer.stepsDone < totalSteps) {
  const steps = Math.min(PART_STEPS, totalSteps - optimizer.stepsDone)
  seconds += await trainPart(steps)
  await state.save(model, optimizer, seconds)
  const { loss } = await evaluate(
    model,
    packedEpoch(heldOut, { tokens: BATCH_TOKENS, seed: 0, epoch: 0 }),
  )
  note({ step: optimizer.stepsDone, evalLoss: round(loss), seconds: Math.round(seconds) })
}
await saveModel(values.out, model, { dtype: 'bfloat16' })
await writeFileAtomic(
  join(values.out, 'generation_config.json'),
  `${JSON.stringify({ eos_token_id: 2, pad_token_id: 0, max_new_tokens: 128 }, null, 2)}\n`,
)
status.finish(`${values.out}: ${totalSteps} steps in ${clock(seconds)}`)

/** Trains `steps` steps and returns the seconds they took. */
async function trainPart(steps: number): Promise<number> {
  const before = optimizer.stepsDone
  const result = await train({
    model,
    optimizer,
    batches: () => batchesFrom(before, steps),
    batchesPerEpoch: steps,
    learningRate: 1,
    schedule: 'constant',
    onEvent: (event) => {
      if (event.type !== 'step') return
      const step = before + event.step
      const left = (event.secondsLeft / Math.max(1, steps - event.step)) * (totalSteps - step)
      const speed = `${Math.round(event.tokensPerSecond)} tokens/s`
      status.update(
        `step ${step}/${totalSteps}  loss ${event.loss.toFixed(4)}  ${speed}  ${clock(left)} left`,
      )
      if (step % 10 === 0)
        note({
          step,
          loss: round(event.loss),
          gradNorm: round(event.gradNorm),
          tokensPerSecond: Math.round(event.tokensPerSecond),
        })
    },
  })
  return result.seconds
}

/** The next `steps` batches of the run, over the ends of epochs. */
function* batchesFrom(start: number, steps: number) {
  const options = { tokens: BATCH_TOKENS, seed: SEED }
  let epoch = -1
  let batches = packedEpoch(training, { ...options, epoch: 0 })
  for (let step = start; step < start + steps; step++) {
    const wanted = Math.floor(step / batches.length)
    if (wanted !== epoch) {
      epoch = wanted
      batches = packedEpoch(training, { ...options, epoch })
    }
    yield batches.at(step % batches.length)
  }
}

function note(line: Record<string, number>): void {
  appendFileSync(log, `${JSON.stringify(line)}\n`)
  if (line.evalLoss !== undefined)
    status.finish(`step ${line.step}/${totalSteps}  held-out loss ${line.evalLoss}`)
}

function round(value: number): number {
  return Number(value.toFixed(4))
}
