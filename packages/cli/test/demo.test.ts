import { expect, test, vi } from 'vitest'
import { run } from './run.js'

const COMPARISON = { question: 'What?', trained: true, before: 'no idea', after: 'that' }

// The demo itself takes half a minute, and has a check of its own.
vi.mock('@llft/demo', () => ({
  MODEL_FOLDER: '/demo/model',
  demonstrate: vi.fn(async ({ output, baseModel, display }) => {
    display.line(`${baseModel} -> ${output}`)
    display.settle('done')
    return [COMPARISON]
  }),
}))

test('the demo is shown on stdout, and its adapter names a base that is found', async () => {
  const { code, stdout, stderr } = await run(['demo', '--output', 'here'])
  expect([code, stdout]).toEqual([0, '/demo/model -> here\ndone\n'])
  expect(stderr).toContain('llft chat here --compare')
  expect((await run(['demo'])).stdout).toContain('-> llft-demo\n')
})

test('with --json, each question with both answers is an event', async () => {
  const { events } = await run(['demo', '--json'])
  expect(events).toEqual([{ type: 'demo', ...COMPARISON }])
})
