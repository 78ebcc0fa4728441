import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateText, loadAdapter, loadModel, Tokenizer } from '@llft/lora'
import type { CausalLM } from '@llft/runtime'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Conversation } from '../src/chat/conversation.js'
import { Voice } from '../src/chat/voice.js'
import type { CliEvent } from '../src/index.js'
import { run } from './run.js'
import { type TinyRun, tinyRun } from './tiny-run.js'

const QUESTION = 'What is LoRA?'
const SHORT = ['--max-tokens', '6']
let tiny: TinyRun

beforeAll(async () => {
  tiny = await tinyRun()
})

afterAll(async () => {
  for (const folder of [tiny.model, tiny.run]) await rm(folder, { recursive: true })
})

/** What the library says to the question with these weights. */
async function expected(adapter?: string): Promise<string> {
  const model = await loadModel(tiny.model)
  const tokenizer = await Tokenizer.fromFolder(tiny.model)
  if (adapter !== undefined) await loadAdapter(model, adapter)
  const prompt = tokenizer.encodeChat([{ role: 'user', content: QUESTION }], {
    addGenerationPrompt: true,
  })
  const [answer] = await generateText(model, tokenizer, [prompt], { maxNewTokens: 6 })
  model.dispose()
  return answer?.text ?? ''
}

function answers(events: readonly CliEvent[]) {
  return events.filter((event) => event.type === 'answer')
}

describe('one prompt', () => {
  test('is answered on stdout alone, and what to do next is on stderr', async () => {
    const { code, stdout, stderr } = await run(['chat', tiny.model, '--prompt', QUESTION, ...SHORT])
    expect([code, stdout]).toEqual([0, `${await expected()}\n`])
    expect(stderr).toContain(`llft chat ${tiny.model}  # go on talking`)
    expect(stderr).toContain('cut at 6 tokens')
    const quiet = await run(['chat', tiny.model, '--prompt', QUESTION, ...SHORT, '--quiet'])
    expect([quiet.stdout, quiet.stderr]).toEqual([stdout, ''])
  })

  test('comes from stdin with -, and streams as events', async () => {
    const args = ['chat', tiny.model, '--prompt', '-', '--json', ...SHORT]
    const { code, events, stderr } = await run(args, { stdin: `${QUESTION}\n` })
    expect([code, stderr]).toEqual([0, ''])
    const [answer] = answers(events)
    expect(answer).toMatchObject({ who: 'model', text: await expected(), tokens: 6 })
    expect(answer).toMatchObject({ reason: 'length', seconds: expect.any(Number) })
    const pieces = events.map((event) => (event.type === 'text' ? event.text : ''))
    expect(pieces.join('')).toBe(answer?.text)
  })

  test('that is empty is bad data', async () => {
    const { code, stderr } = await run(['chat', tiny.model, '--prompt', '-'], { stdin: ' \n' })
    expect([code, stderr]).toEqual([3, expect.stringMatching(/must hold a question/)])
  })

  test('that is longer than the context is bad data', async () => {
    const { code } = await run(['chat', tiny.model, '--prompt', 'word '.repeat(500), '--quiet'])
    expect(code).toBe(3)
  })
})

test('a model that is not there is a mistake of usage, with what may be meant', async () => {
  const { code, stderr } = await run(['chat', `${tiny.model}x`, '--prompt', QUESTION])
  expect([code, stderr]).toEqual([2, expect.stringContaining(`Did you mean '${tiny.model}'?`)])
})

describe('a comparison', () => {
  test('answers as the base and as the tuned model, from one that is loaded', async () => {
    const args = ['chat', tiny.run, '--compare', '--prompt', QUESTION, '--json', ...SHORT]
    const { code, events } = await run(args)
    const [base, tuned] = [await expected(), await expected(tiny.adapter)]
    expect(base).not.toBe(tuned)
    expect(code).toBe(0)
    expect(answers(events)).toMatchObject([
      { who: 'base', text: base },
      { who: 'tuned', text: tuned },
    ])
  })

  test('is one after the other on a pipe and a narrow terminal, and in columns on a wide one', async () => {
    const args = ['chat', tiny.run, '--compare', '--prompt', QUESTION, ...SHORT]
    for (const settings of [{}, { terminalColumns: 60 }]) {
      const { stdout } = await run([...args, '--no-color'], settings)
      expect(stdout).toMatch(/^base:\n[\s\S]*\n\ntuned:\n/)
    }
    const { stdout } = await run([...args, '--no-color'], { terminalColumns: 90 })
    expect(stdout).toMatch(/^base {41,}tuned\n/)
  })

  test('needs an adapter', async () => {
    const { code, stderr } = await run(['chat', tiny.model, '--compare', '--prompt', 'x'])
    expect([code, stderr]).toEqual([2, expect.stringMatching(/Add --adapter FOLDER/)])
  })
})

describe('a dialogue', () => {
  const chat = (lines: string[], ...more: string[]) =>
    run(['chat', tiny.model, ...SHORT, ...more], { stdin: `${lines.join('\n')}\n` })

  test('answers line by line until /quit, and passes over what it cannot do', async () => {
    const lines = ['Hi', '', '/sytem x', 'word '.repeat(500), 'Hi again', '/quit', 'never']
    const { code, events } = await chat(lines, '--json')
    expect(code).toBe(0)
    expect(answers(events)).toHaveLength(2)
    const warnings = events.filter((event) => event.type === 'warning')
    expect(warnings).toMatchObject([
      { message: 'There is no /sytem. Did you mean /system?' },
      { message: expect.stringMatching(/shorter than the context/) },
    ])
  })

  test('goes on from what was said, until /reset', async () => {
    const { events } = await chat(['Hi', 'Hi', '/reset', 'Hi'], '--json')
    const [first, second, third] = answers(events).map(({ text }) => text)
    expect(third).toBe(first)
    expect(second).not.toBe(first)
  })

  test('/system changes what stands before it', async () => {
    const { events } = await chat(['/system Be brief.', 'Hi', '/system', 'Hi'], '--json')
    const { events: given } = await chat(['Hi'], '--json', '--system', 'Be brief.')
    const { events: without } = await chat(['Hi'], '--json')
    const [briefly, plainly] = answers(events).map(({ text }) => text)
    expect(briefly).toBe(answers(given)[0]?.text)
    expect(plainly).toBe(answers(without)[0]?.text)
    expect(briefly).not.toBe(plainly)
  })

  test('with a temperature and a seed is the same each time', async () => {
    const args = ['--json', '--temperature', '2', '--top-p', '0.9', '--seed', '7']
    const [one, two] = [await chat(['Hi', 'Hi'], ...args), await chat(['Hi', 'Hi'], ...args)]
    const texts = (events: readonly CliEvent[]) => answers(events).map(({ text }) => text)
    expect(texts(one.events)).toEqual(texts(two.events))
  })
})

describe('a voice', () => {
  let model: CausalLM
  let tokenizer: Tokenizer

  beforeAll(async () => {
    model = await loadModel(tiny.model)
    tokenizer = await Tokenizer.fromFolder(tiny.model)
  })

  afterAll(() => model.dispose())

  test('that is stopped keeps what it has said', async () => {
    const conversation = new Conversation(tokenizer, { contextTokens: 128, answerTokens: 64 })
    const voice = new Voice({ who: 'model', model, tokenizer, conversation })
    const stop = new AbortController()
    const listener = { text: () => stop.abort(), forgotten: () => undefined }
    const settings = { maxTokens: 64, temperature: 0, topP: 1, seed: 0 }
    const before = conversation.promptFor('x').ids.length
    const answer = await voice.answer(QUESTION, settings, listener, stop.signal)
    expect(answer.reason).toBe('stopped')
    expect(answer.text.length).toBeGreaterThan(0)
    expect(answer.tokens).toBeLessThan(8)
    expect(conversation.promptFor('x').ids.length).toBeGreaterThan(before)
  })

  test('forgets the oldest turns where they do not fit', () => {
    const conversation = new Conversation(tokenizer, { contextTokens: 128, answerTokens: 64 })
    conversation.add('first '.repeat(20), 'answer')
    conversation.add('second', 'answer')
    const { ids, forgotten } = conversation.promptFor('third')
    expect(forgotten).toBe(2)
    expect(ids.length).toBeLessThanOrEqual(64)
    expect(tokenizer.decode(ids)).toMatch(/second[\s\S]*third/)
    expect(conversation.promptFor('third').forgotten).toBe(0)
  })

  test('without a template writes a conversation as training does', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'llft-plain-'))
    await cp(join(tiny.model, 'tokenizer.json'), join(folder, 'tokenizer.json'))
    const config = JSON.parse(await readFile(join(tiny.model, 'tokenizer_config.json'), 'utf8'))
    delete config.chat_template
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(config))
    const plain = await Tokenizer.fromFolder(folder)
    await rm(folder, { recursive: true })
    const conversation = new Conversation(plain, { contextTokens: 512, answerTokens: 64 })
    conversation.add('Hi', 'Hello')
    const text = plain.decode(conversation.promptFor('Bye').ids, { skipSpecialTokens: false })
    const eos = plain.idToToken(plain.eosTokenId as number)
    expect(text).toBe(
      `### Instruction:\nHi\n\n### Response:\nHello${eos}\n\n### Instruction:\nBye\n\n### Response:\n`,
    )
  })
})
