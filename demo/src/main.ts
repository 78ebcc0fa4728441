// npm run demo: a small model answers questions about fine-tuning, is fine-tuned, and answers again.
import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { parseArgs } from 'node:util'
import { loadAdapter } from '@llft/lora'
import { Tokenizer } from '@llft/tokenizer'
import { streamAnswer } from './answer.js'
import { type Comparison, demonstrate, loadDemoModel } from './demonstrate.js'
import { ADAPTER_FOLDER, MODEL_FOLDER } from './paths.js'
import { notLearnt, readAnswers } from './questions.js'
import { bold, green } from './terminal/style.js'

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
  if (values.ask !== undefined) return ask(values.ask)
  const comparisons = await demonstrate({ output: ADAPTER_FOLDER, baseModel: 'demo/model' })
  printNextCommand(comparisons[1]?.question ?? '')
  return values.check ? checkAnswers(comparisons) : 0
}

async function ask(question: string): Promise<number> {
  if (!existsSync(ADAPTER_FOLDER)) {
    console.error('There is no adapter yet. Make one: npm run demo')
    return 1
  }
  const tokenizer = await Tokenizer.fromFolder(MODEL_FOLDER)
  const model = await loadDemoModel()
  try {
    await loadAdapter(model, ADAPTER_FOLDER)
    await streamAnswer(model, tokenizer, question, (text) => process.stdout.write(text))
    return 0
  } finally {
    model.dispose()
  }
}

/** @returns the exit code */
function checkAnswers(comparisons: readonly Comparison[]): number {
  const given = comparisons.map(({ after }) => after)
  const wrong = notLearnt(comparisons, given, readAnswers())
  for (const question of wrong) console.error(`Not answered as in the training data: ${question}`)
  return wrong.length > 0 ? 1 : 0
}

function printNextCommand(question: string): void {
  const folder = relative(process.cwd(), ADAPTER_FOLDER) || ADAPTER_FOLDER
  console.log(`\nThe adapter is in ${green(folder)}; PEFT loads it, too. Ask it something else:\n`)
  console.log(bold(`  npm run demo -- --ask "${question}"\n`))
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  return 1
})
