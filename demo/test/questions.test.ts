import { expect, test } from 'vitest'
import { notLearnt, readAnswers, readQuestions } from '../src/questions.js'

const questions = readQuestions()
const answers = readAnswers()

test('the questions of the demo are trained on where they say so, and only there', () => {
  expect(answers.size).toBe(200)
  expect(new Set(questions.map(({ trained }) => trained))).toEqual(new Set([true, false]))
  for (const { question, trained } of questions) expect(answers.has(question)).toBe(trained)
})

test('an answer that differs from the data by a character is not learnt; other questions may have any', () => {
  const right = questions.map(({ question }) => answers.get(question) ?? 'anything')
  expect(notLearnt(questions, right, answers)).toEqual([])
  const wrong = right.map((answer) => `${answer} …`)
  const trained = questions.filter(({ trained }) => trained).map(({ question }) => question)
  expect(notLearnt(questions, wrong, answers)).toEqual(trained)
})
