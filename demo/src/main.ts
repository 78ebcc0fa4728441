// npm run demo: a small model answers questions about fine-tuning, is fine-tuned, and answers again.
import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { parseArgs } from 'node:util'
import { loadAdapter } from '@llft/lora'
import { type CausalLM, deviceInfo, loadModel } from '@llft/runtime'
import { sideBySide } from '@llft/terminal'
import { Tokenizer } from '@llft/tokenizer'
import { answers, streamAnswer } from './answer.js'
import { fineTune } from './fine-tune.js'
import { measureStep } from './measure-step.js'
import { ADAPTER_FOLDER, MODEL_FOLDER } from './paths.js'
import { BUDGET_SECONDS, describePlan, planSteps } from './plan-steps.js'
import { notLearnt, type Question, readAnswers, readQuestions } from './questions.js'
import { StatusLine } from './terminal/status-line.js'
import { bold, dim, green } from './terminal/style.js'

const USAGE = `Usage: npm run demo                     fine-tunes the embedded model
       npm run demo -- --ask "..."      asks the fine-tuned model
       npm run demo -- --check          the same as the first, with exit code 1 if the answers were not learnt`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      ask: { type: 'string' },
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const tokenizer = await Tokenizer.fromFolder(MODEL_FOLDER)
  // As it is stored: one type on every machine, so that the answers do not depend on what is fastest there.
  const model = await loadModel(MODEL_FOLDER, { dtype: 'bfloat16' })
  try {
    if (values.ask !== undefined) return await ask(model, tokenizer, values.ask)
    return await demonstrate(model, tokenizer, values.check)
  } finally {
    model.dispose()
  }
}

async function ask(model: CausalLM, tokenizer: Tokenizer, question: string): Promise<number> {
  if (!existsSync(ADAPTER_FOLDER)) {
    console.error('There is no adapter yet. Make one: npm run demo')
    return 1
  }
  await loadAdapter(model, ADAPTER_FOLDER)
  await streamAnswer(model, tokenizer, question, (text) => process.stdout.write(text))
  return 0
}

async function demonstrate(model: CausalLM, tokenizer: Tokenizer, check: boolean): Promise<number> {
  const questions = readQuestions()
  const asked = questions.map(({ question }) => question)
  const { isa, threads } = deviceInfo()
  console.log(
    `\n${bold('Fine-tuning a language model with LoRA, in this Node.js process')}  ${dim(`${isa}, ${threads} threads`)}`,
  )
  const answering = performance.now()
  const before = await answers(model, tokenizer, asked)
  const answerSeconds = (performance.now() - answering) / 1000
  const signal = untilInterrupted()
  const steps = await chooseSteps(model, tokenizer, answerSeconds, signal)
  await fineTune(model, tokenizer, steps, signal)
  const after = await answers(model, tokenizer, asked)
  printAnswers(questions, before, after)
  printNextCommand(asked[1]!)
  return check ? checkAnswers(questions, after) : 0
}

/** As many steps as end in time, by the clock of this process, with the answers after them. */
async function chooseSteps(
  model: CausalLM,
  tokenizer: Tokenizer,
  answerSeconds: number,
  signal: AbortSignal,
): Promise<number> {
  const status = new StatusLine()
  status.update('measuring what a step takes here ...')
  const secondsPerStep = await measureStep(model, tokenizer, signal)
  const secondsLeft = BUDGET_SECONDS - performance.now() / 1000 - answerSeconds
  const plan = planSteps({ secondsPerStep, secondsLeft })
  status.finish(describePlan(plan))
  return plan.steps
}

/** @returns the exit code */
function checkAnswers(questions: Question[], given: string[]): number {
  const wrong = notLearnt(questions, given, readAnswers())
  for (const question of wrong) console.error(`Not answered as in the training data: ${question}`)
  return wrong.length > 0 ? 1 : 0
}

function printNextCommand(question: string): void {
  const folder = relative(process.cwd(), ADAPTER_FOLDER) || ADAPTER_FOLDER
  console.log(`\nThe adapter is in ${green(folder)}; PEFT loads it, too. Ask it something else:\n`)
  console.log(bold(`  npm run demo -- --ask "${question}"\n`))
}

function printAnswers(questions: Question[], before: string[], after: string[]): void {
  const width = Math.min(process.stdout.columns ?? 100, 120)
  for (const [index, { question, trained }] of questions.entries()) {
    const origin = trained ? 'in the training data' : 'worded anew'
    console.log(`\n${bold(question)}  ${dim(`(${origin})`)}`)
    const columns = [
      { heading: 'before', text: before[index]! },
      { heading: 'after', text: after[index]! },
    ]
    const [headings, ...lines] = sideBySide(columns, width)
    console.log(dim(headings!))
    for (const line of lines) console.log(line)
  }
}

/** Ctrl-C ends the training after the step that is running, and the adapter so far is saved. */
function untilInterrupted(): AbortSignal {
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort())
  return controller.signal
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  return 1
})
