import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { DATA_FILE, QUESTIONS_FILE } from '../src/paths.js'

test('the questions of the demo are none that it trains on', () => {
  const questions = JSON.parse(readFileSync(QUESTIONS_FILE, 'utf8')) as string[]
  const rows = readFileSync(DATA_FILE, 'utf8').trim().split('\n')
  const trained = rows.map(
    (row) => (JSON.parse(row) as { messages: { content: string }[] }).messages[0]!.content,
  )
  expect(trained).toHaveLength(200)
  expect(questions.length).toBeGreaterThan(2)
  expect(questions.filter((question) => trained.includes(question))).toEqual([])
})
