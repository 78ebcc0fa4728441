// npm run demo: a small model answers questions about fine-tuning, is fine-tuned, and answers again.
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { parseArgs } from 'node:util'
import { loadAdapter } from '@llft/lora'
import { type CausalLM, loadModel } from '@llft/runtime'
import { Tokenizer } from '@llft/tokenizer'
import { answers, streamAnswer } from './answer.js'
import { fineTune, mean } from './fine-tune.js'
import { ADAPTER_FOLDER, MODEL_FOLDER, QUESTIONS_FILE } from './paths.js'
import { sideBySide } from './terminal/columns.js'
import { bold, dim, green } from './terminal/style.js'

const USAGE = `Usage: npm run demo                     fine-tunes the embedded model
       npm run demo -- --ask "..."      asks the fine-tuned model
       npm run demo -- --check          the same as the first, with exit code 1 if the loss did not fall by half`

/** Half of the questions are in the data set, half ask for its matter in other words. */
interface Question {
  question: string
  trained: boolean
}

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
  const model = await loadModel(MODEL_FOLDER)
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
  const questions = JSON.parse(readFileSync(QUESTIONS_FILE, 'utf8')) as Question[]
  const asked = questions.map(({ question }) => question)
  console.log(bold('\nFine-tuning a language model with LoRA, in this Node.js process'))
  const before = await answers(model, tokenizer, asked)
  const { losses } = await fineTune(model, tokenizer, untilInterrupted())
  const after = await answers(model, tokenizer, asked)
  printAnswers(questions, before, after)
  const folder = relative(process.cwd(), ADAPTER_FOLDER) || ADAPTER_FOLDER
  console.log(`\nThe adapter is in ${green(folder)}; PEFT loads it, too. Ask it something else:\n`)
  console.log(bold(`  npm run demo -- --ask "${asked[1]}"\n`))
  const fell = mean(losses.slice(-5)) < 0.5 * mean(losses.slice(0, 5))
  if (check && !fell) console.error('The loss must fall by half; it did not.')
  return check && !fell ? 1 : 0
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
