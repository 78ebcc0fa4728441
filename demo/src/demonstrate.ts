import { type CausalLM, deviceInfo, loadModel } from '@llft/runtime'
import { sideBySide } from '@llft/terminal'
import { Tokenizer } from '@llft/tokenizer'
import { answers } from './answer.js'
import { fineTune } from './fine-tune.js'
import { measureStep } from './measure-step.js'
import { MODEL_FOLDER } from './paths.js'
import { BUDGET_SECONDS, describePlan, planSteps } from './plan-steps.js'
import { type Question, readQuestions } from './questions.js'
import type { AdapterPlace } from './run-options.js'
import { type Display, stdoutDisplay } from './terminal/display.js'
import { bold, dim } from './terminal/style.js'

export interface DemonstrateOptions extends AdapterPlace {
  /** Default: stdout. */
  readonly display?: Display | undefined
}

/** A question with the answers of before and after. */
export interface Comparison extends Question {
  readonly before: string
  readonly after: string
}

/** The embedded model as it is stored: one type on every machine, so that the answers do not depend on what is fastest there. */
export function loadDemoModel(): Promise<CausalLM> {
  return loadModel(MODEL_FOLDER, { dtype: 'bfloat16' })
}

/**
 * Asks the embedded model, fine-tunes it, asks again and shows both. Ctrl-C ends the training after the step that is
 * running, and the adapter so far is saved.
 *
 * @throws what `loraTrain` throws
 */
export async function demonstrate({
  output,
  baseModel,
  display = stdoutDisplay(),
}: DemonstrateOptions): Promise<Comparison[]> {
  const place = { output, baseModel }
  const interrupted = new AbortController()
  const interrupt = () => interrupted.abort()
  process.once('SIGINT', interrupt)
  const tokenizer = await Tokenizer.fromFolder(MODEL_FOLDER)
  const model = await loadDemoModel()
  try {
    const questions = readQuestions()
    const asked = questions.map(({ question }) => question)
    showTitle(display)
    const answering = performance.now()
    const before = await answers(model, tokenizer, asked)
    const answerSeconds = (performance.now() - answering) / 1000
    display.status('measuring what a step takes here ...')
    const secondsPerStep = await measureStep(model, tokenizer, place, interrupted.signal)
    // As many steps as end in time, by the clock of this process, with the answers after them.
    const secondsLeft = BUDGET_SECONDS - performance.now() / 1000 - answerSeconds
    const plan = planSteps({ secondsPerStep, secondsLeft })
    display.settle(describePlan(plan))
    const { steps } = plan
    await fineTune(model, tokenizer, { ...place, steps, signal: interrupted.signal, display })
    const after = await answers(model, tokenizer, asked)
    const comparisons = questions.map((question, index) => {
      return { ...question, before: before[index] ?? '', after: after[index] ?? '' }
    })
    showAnswers(comparisons, display)
    return comparisons
  } finally {
    process.off('SIGINT', interrupt)
    model.dispose()
  }
}

function showTitle(display: Display): void {
  const { isa, threads } = deviceInfo()
  const title = bold('Fine-tuning a language model with LoRA, in this Node.js process')
  display.line(`\n${title}  ${dim(`${isa}, ${threads} threads`)}`)
}

function showAnswers(comparisons: readonly Comparison[], display: Display): void {
  const width = Math.min(process.stdout.columns || 100, 120)
  for (const { question, trained, before, after } of comparisons) {
    const origin = trained ? 'in the training data' : 'worded anew'
    display.line(`\n${bold(question)}  ${dim(`(${origin})`)}`)
    const columns = [
      { heading: 'before', text: before },
      { heading: 'after', text: after },
    ]
    const [headings = '', ...lines] = sideBySide(columns, width)
    display.line(dim(headings))
    for (const line of lines) display.line(line)
  }
}
