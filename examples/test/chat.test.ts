import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loraTrain } from '@llft/lora'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const MODEL = path('../../demo/model')
const work = mkdtempSync(join(tmpdir(), 'llft-chat-'))
const adapter = join(work, 'adapter')

const user = (content: string) => ({ role: 'user', content })
const assistant = (content: string) => ({ role: 'assistant', content })

/** The same question has another answer after another turn. */
const data = [
  { messages: [user('What is the secret word?'), assistant('Nobody told me.')] },
  {
    messages: [
      user('The secret word is heron.'),
      assistant('I will remember it.'),
      user('What is the secret word?'),
      assistant('It is heron.'),
    ],
  },
]

beforeAll(async () => {
  await loraTrain({
    model: MODEL,
    data,
    output: adapter,
    maxSteps: 40,
    batchSize: 2,
    learningRate: 5e-3,
    onWarning: () => undefined,
  })
}, 120_000)

afterAll(() => rmSync(work, { recursive: true, force: true }))

describe('examples/chat.ts', () => {
  test('answers piped lines with the adapter, each in view of the turns before', async () => {
    const first = await chat([MODEL, adapter]).say('What is the secret word?').end()
    expect(first).toEqual({ code: 0, out: 'Nobody told me.\n', err: '' })
    const second = await chat([MODEL, adapter])
      .say('The secret word is heron.', '', 'What is the secret word?', '/exit', 'Never asked')
      .end()
    expect(second).toEqual({ code: 0, out: 'I will remember it.\nIt is heron.\n', err: '' })
  })

  test('stops the answer at the first SIGINT and the program at one between answers', async () => {
    const conversation = chat([MODEL]).say('Tell me a long story about the sea.')
    await conversation.output(/./)
    conversation.child.kill('SIGINT')
    await conversation.output(/\n$/)
    conversation.child.kill('SIGINT')
    const { code, err } = await conversation.exit
    expect({ code, err }).toEqual({ code: 0, err: '' })
  })

  test('says in one line what is wrong with a folder', async () => {
    const missing = await chat([MODEL, join(work, 'none')]).end()
    expect(missing.code).toBe(1)
    expect(missing.err).toMatch(/^[^\n]*adapter_config\.json: [^\n]*\n$/)
  })
})

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function chat(args: readonly string[]) {
  return new Conversation(args)
}

/** A process of the example with pipes for its terminal. */
class Conversation {
  readonly child
  readonly exit: Promise<Ended>
  #out = ''
  #err = ''

  constructor(args: readonly string[]) {
    const command = [path('run-source.mjs'), path('../chat.ts'), ...args]
    this.child = spawn(process.execPath, command, { stdio: 'pipe' })
    this.child.stdout.on('data', (data) => {
      this.#out += data
    })
    this.child.stderr.on('data', (data) => {
      this.#err += data
    })
    this.exit = new Promise((resolve) => {
      this.child.on('close', (code) => resolve({ code, out: this.#out, err: this.#err }))
    })
  }

  say(...lines: readonly string[]): this {
    for (const line of lines) this.child.stdin.write(`${line}\n`)
    return this
  }

  end(): Promise<Ended> {
    this.child.stdin.end()
    return this.exit
  }

  /** Waits until what was printed so far matches. */
  async output(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#out)) {
      await new Promise((resolve) => this.child.stdout.once('data', resolve))
    }
  }
}
