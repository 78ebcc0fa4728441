import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { DATA_FILE, QUESTIONS_FILE } from '../src/paths.js'

test('the questions of the demo are trained on where they say so, and only there', () => {
  const questions = JSON.parse(readFileSync(QUESTIONS_FILE, 'utf8')) as {
    question: string
    trained: boolean
  }[]
  const rows = readFileSync(DATA_FILE, 'utf8').trim().split('\n')
  const data = rows.map(
    (row) => (JSON.parse(row) as { messages: { content: string }[] }).messages[0]!.content,
  )
  expect(data).toHaveLength(200)
  expect(new Set(questions.map(({ trained }) => trained))).toEqual(new Set([true, false]))
  for (const { question, trained } of questions) expect(data.includes(question)).toBe(trained)
})
