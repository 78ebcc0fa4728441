import { createInterface, type Interface } from 'node:readline'
import { closestName, LlftError } from '@llft/errors'
import type { Output } from '../output.js'
import { createView } from './answer-view.js'
import type { AnswerSettings, Voice } from './voice.js'

const HELP = `/reset          forget the conversation
/system [TEXT]  put TEXT before the conversation, which begins anew; without TEXT take it away
/quit           leave; so does Ctrl-D
Ctrl-C          stop the answer; twice: leave`

/** Questions of lines, answers of all voices, until /quit or the end of the input. */
export class Dialogue {
  #answering: AbortController | undefined
  #isLeaving = false
  #seed: number

  constructor(
    private readonly output: Output,
    private readonly voices: readonly Voice[],
    private readonly settings: AnswerSettings,
  ) {
    this.#seed = settings.seed
  }

  /** Answers one question. @throws what `Voice.answer` throws */
  async ask(question: string, signal: AbortSignal = new AbortController().signal): Promise<void> {
    const view = createView(
      this.output,
      this.voices.map(({ who }) => who),
    )
    const settings = { ...this.settings, seed: this.#seed++ }
    try {
      for (const voice of this.voices) {
        if (voice.who !== 'model') this.output.status(`the ${voice.who} model answers ...`)
        if (!signal.aborted) view.end(await voice.answer(question, settings, view, signal))
      }
    } finally {
      this.output.endStatus()
      view.close()
    }
  }

  /** Reads questions line by line. */
  async run(): Promise<void> {
    const { stdin, stdout } = this.output.streams
    const isTerminal = stdin.isTTY === true && stdout.isTTY === true && !this.output.isJson
    const lines = createInterface({
      input: stdin,
      ...(isTerminal && { output: process.stdout, terminal: true }),
      prompt: this.output.paint.green('> '),
    })
    // From a pipe there is no such event: Ctrl-C ends the process, as it does elsewhere.
    lines.on('SIGINT', () => this.interrupt(lines))
    let isOpen = true
    lines.once('close', () => {
      isOpen = false
    })
    try {
      if (isTerminal) lines.prompt()
      for await (const line of lines) {
        this.#isLeaving = false
        if ((await this.take(line.trim())) === 'quit') break
        if (isTerminal && isOpen) lines.prompt()
      }
    } finally {
      lines.close()
    }
  }

  /** Stops the answer, if there is one; the second time leaves. */
  private interrupt(lines: Interface): void {
    if (this.#isLeaving) {
      this.#answering?.abort()
      lines.close()
      return
    }
    this.#isLeaving = true
    if (this.#answering !== undefined) {
      this.#answering.abort()
      return
    }
    this.output.note('\n(Ctrl-C again leaves.)')
    lines.prompt()
  }

  private async take(line: string): Promise<'quit' | undefined> {
    if (line === '') return undefined
    if (line.startsWith('/')) return this.command(line)
    this.#answering = new AbortController()
    try {
      await this.ask(line, this.#answering.signal)
    } catch (error) {
      // A question that cannot be answered ends the conversation no more than an answer that was stopped.
      if (!(error instanceof LlftError)) throw error
      this.output.warn(error.message)
    } finally {
      this.#answering = undefined
    }
    return undefined
  }

  private command(line: string): 'quit' | undefined {
    const [, name = '', rest = ''] = /^\/(\S*)\s*(.*)$/s.exec(line) ?? []
    switch (name) {
      case 'quit':
      case 'exit':
        return 'quit'
      case 'help':
        this.output.note(HELP)
        return undefined
      case 'reset':
        return this.reset('The conversation begins anew.')
      case 'system': {
        for (const { conversation } of this.voices) conversation.system = rest || undefined
        const what = rest === '' ? 'without a system text' : 'with this system text'
        return this.reset(`The conversation begins anew, ${what}.`)
      }
      default:
        return this.unknown(name)
    }
  }

  private reset(text: string): undefined {
    for (const { conversation } of this.voices) conversation.reset()
    this.output.note(`(${text})`)
  }

  private unknown(name: string): undefined {
    const near = closestName(name, ['quit', 'exit', 'help', 'reset', 'system'])
    const fix = near === undefined ? 'See /help.' : `Did you mean /${near}?`
    this.output.warn(`There is no /${name}. ${fix}`)
  }
}
