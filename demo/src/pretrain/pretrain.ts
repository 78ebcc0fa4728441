// Pre-trains the embedded model from nothing on the texts of $LLFT_SHARED/data. A run that was stopped goes on from its
// last checkpoint when started again.
// Usage: LLFT_SHARED=DIR node demo/dist/pretrain/pretrain.js [--steps N] [--out DIR] [--state DIR]
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createModel, saveModel } from '@llft/runtime'
import { writeFileAtomic } from '@llft/safetensors'
import { Tokenizer } from '@llft/tokenizer'
import { fineTune, type RunEvent } from '@llft/train'
import { corpusFolder, type Document, readCorpus } from './corpus.js'
import { CONTEXT, MODEL_CONFIG } from './model-config.js'

const SEED = 20
const HOLD_OUT_EVERY = 60

const demo = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '5000' },
    out: { type: 'string', default: join(demo, 'model') },
    state: { type: 'string', default: join(demo, 'out', 'pretrain') },
    dtype: { type: 'string', default: 'bfloat16' },
  },
})
const log = join(values.out, 'pretrain-log.jsonl')
const tokenizer = await Tokenizer.fromFolder(values.out)
const rows = readCorpus(corpusFolder()).map(textOf)
const isHeldOut = (_: unknown, index: number) => index % HOLD_OUT_EVERY === HOLD_OUT_EVERY - 1
const dtype = values.dtype === 'float32' ? 'float32' : 'bfloat16'
const model = createModel(MODEL_CONFIG, { seed: SEED, dtype })

await fineTune({
  model,
  tokenizer,
  data: rows.filter((row, index) => !isHeldOut(row, index)),
  evalData: rows.filter(isHeldOut),
  output: join(values.state, 'model'),
  checkpoints: join(values.state, 'checkpoints'),
  resume: 'auto',
  maxSteps: Number(values.steps),
  saveSteps: 250,
  evalEvery: 250,
  // Eight packs are a step of some four thousand tokens.
  batchSize: 8,
  maxLength: CONTEXT,
  packing: true,
  truncation: 'split',
  learningRate: 3e-3,
  schedule: { name: 'cosine_with_min_lr', floor: 0.1 },
  warmupSteps: Math.min(200, Number(values.steps) >> 2),
  optimizer: { name: 'adamw', beta2: 0.95 },
  weightDecay: 0.1,
  checkpointing: false,
  seed: SEED,
  handleSignals: true,
  progress: 'lines',
  onEvent: note,
})
await saveModel(values.out, model, { dtype: 'bfloat16', overwrite: true })
await writeFileAtomic(
  join(values.out, 'generation_config.json'),
  `${JSON.stringify({ eos_token_id: 2, pad_token_id: 0, max_new_tokens: 128 }, null, 2)}\n`,
)

/** A document as text; a conversation in the chat template. */
function textOf(document: Document): { text: string } {
  if (document.kind === 'text') return { text: document.text }
  return { text: tokenizer.applyChatTemplate(document.messages) }
}

function note(event: RunEvent): void {
  if (event.type === 'eval') write({ step: event.step, evalLoss: event.loss })
  if (event.type !== 'step' || event.step % 10 !== 0) return
  const { step, loss, gradNorm, tokensPerSecond } = event
  write({ step, loss, gradNorm, tokensPerSecond: Math.round(tokensPerSecond) })
}

function write(line: Record<string, number>): void {
  const rounded = Object.entries(line).map(([name, value]) => [name, Number(value.toFixed(4))])
  appendFileSync(log, `${JSON.stringify(Object.fromEntries(rounded))}\n`)
}
