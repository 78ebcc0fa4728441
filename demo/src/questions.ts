import { readFileSync } from 'node:fs'
import { DATA_FILE, QUESTIONS_FILE } from './paths.js'

/** Half of the questions are in the data set, half ask for its matter in other words. */
export interface Question {
  readonly question: string
  readonly trained: boolean
}

export function readQuestions(): Question[] {
  return JSON.parse(readFileSync(QUESTIONS_FILE, 'utf8')) as Question[]
}

/** The answer of each question in the data set. */
export function readAnswers(): Map<string, string> {
  const rows = readFileSync(DATA_FILE, 'utf8').trim().split('\n')
  return new Map(
    rows.map((row) => {
      const { messages } = JSON.parse(row) as {
        messages: [{ content: string }, { content: string }]
      }
      return [messages[0].content, messages[1].content] as const
    }),
  )
}

/** The questions of the data set that were not answered as the data set does, word for word. */
export function notLearnt(
  questions: readonly Question[],
  given: readonly string[],
  answers: ReadonlyMap<string, string>,
): string[] {
  return questions
    .filter(({ question, trained }, index) => trained && given[index] !== answers.get(question))
    .map(({ question }) => question)
}
