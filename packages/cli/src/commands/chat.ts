import { createInterface } from 'node:readline'
import { ConfigError } from '@llft/errors'
import {
  AbortedError,
  type CausalLM,
  type ChatMessage,
  loadAdapter,
  loadModel,
  removeLora,
  streamText,
  Tokenizer,
} from '@llft/lora'
import { sideBySide } from '@llft/report'
import { modelPathsOf } from '../adapter-path.js'
import type { CommandContext } from '../command-context.js'
import type { Output } from '../output.js'

/** Narrower terminals show answers below each other. */
const LEAST_COLUMNS = 80
const HELP =
  '/reset forgets the conversation, /system TEXT begins one with these words, /quit ends.'

interface ChatOptions {
  readonly maxNewTokens: number
  readonly temperature: number
  readonly topP?: number | undefined
  readonly seed?: number | undefined
}

/** `llft chat MODEL` */
export async function chat({ output, args, options }: CommandContext): Promise<void> {
  const [given] = args as [string]
  const { model: folder, adapter } = await modelPathsOf(
    given,
    options.adapter as string | undefined,
  )
  if (options.compare && adapter === undefined) {
    throw new ConfigError(
      '--compare: must come with an adapter; got a model alone. Name one: --adapter FOLDER.',
    )
  }
  const tokenizer = await Tokenizer.fromFolder(folder)
  const model = await loadModel(folder)
  try {
    const talk = new Conversation(output, { model, tokenizer, adapter }, options)
    if (adapter !== undefined) await loadAdapter(model, adapter)
    if (options.prompt === undefined) await converse(output, talk)
    else await talk.ask(await promptOf(String(options.prompt), output))
  } finally {
    model.dispose()
  }
}

interface Speaker {
  readonly model: CausalLM
  readonly tokenizer: Tokenizer
  readonly adapter: string | undefined
}

/** Turns so far, and who answers. */
class Conversation {
  readonly #history: ChatMessage[] = []
  readonly #options: ChatOptions
  readonly #compares: boolean
  #answering: AbortController | undefined
  #system: string | undefined

  constructor(
    private readonly output: Output,
    private readonly speaker: Speaker,
    options: Readonly<Record<string, unknown>>,
  ) {
    this.#compares = options.compare === true
    this.#system = options.system as string | undefined
    this.#options = {
      maxNewTokens: options.maxTokens as number,
      temperature: options.temperature as number,
      topP: options.topP as number | undefined,
      seed: options.seed as number | undefined,
    }
    this.reset()
  }

  reset(system = this.#system): void {
    this.#system = system
    this.#history.length = 0
    if (system !== undefined) this.#history.push({ role: 'system', content: system })
  }

  /** Stops the answer that is being written. @returns whether there was one */
  interrupt(): boolean {
    this.#answering?.abort()
    return this.#answering !== undefined
  }

  async ask(question: string): Promise<void> {
    this.#history.push({ role: 'user', content: question })
    const content = this.#compares ? await this.compare() : await this.answer('model')
    this.#history.push({ role: 'assistant', content })
  }

  /** The base model's answer and then that of the tuned one, which the conversation goes on with. */
  private async compare(): Promise<string> {
    const { model, adapter } = this.speaker
    const wide = this.output.width >= LEAST_COLUMNS
    removeLora(model)
    const base = await this.answer('base', wide)
    await loadAdapter(model, adapter as string)
    const tuned = await this.answer('tuned', wide)
    if (!wide) return tuned
    const columns = [
      { heading: 'base', text: base },
      { heading: 'tuned', text: tuned },
    ]
    for (const line of sideBySide(columns, this.output.width)) this.output.line(line)
    return tuned
  }

  private async answer(who: string, isKept = false): Promise<string> {
    const { model, tokenizer } = this.speaker
    if (who !== 'model' && !isKept) this.output.piece(this.output.paint.dim(`${who}: `))
    const prompt = this.promptThatFits()
    this.#answering = new AbortController()
    let [content, tokens] = ['', 0]
    try {
      const options = { ...this.#options, signal: this.#answering.signal }
      for await (const event of streamText(model, tokenizer, [prompt], options)) {
        if (event.type === 'end') tokens = event.tokens
        if (event.type !== 'text') continue
        content += event.text
        this.output.event({ type: 'text', who, text: event.text })
        if (!isKept) this.output.piece(event.text)
      }
    } catch (error) {
      if (!(error instanceof AbortedError)) throw error
    }
    this.#answering = undefined
    if (!isKept) this.output.line()
    this.output.event({ type: 'answer', who, text: content, tokens })
    return content
  }

  /** The oldest turns are forgotten where the context of the model ends. */
  private promptThatFits(): number[] {
    const { model, tokenizer } = this.speaker
    const limit = model.config.maxPositions - this.#options.maxNewTokens
    for (;;) {
      const prompt = tokenizer.hasChatTemplate
        ? tokenizer.encodeChat(this.#history, { addGenerationPrompt: true })
        : tokenizer.encode(String(this.#history.at(-1)?.content))
      const first = this.#history[0]?.role === 'system' ? 1 : 0
      if (prompt.length <= limit || this.#history.length < first + 3) return prompt
      this.#history.splice(first, 2)
    }
  }
}

async function converse(output: Output, talk: Conversation): Promise<void> {
  const { stdin: input, stdout } = output.streams
  const isAsked = input.isTTY === true
  if (isAsked) output.note(output.paint.dim(HELP))
  const lines = createInterface({
    input,
    output: stdout as NodeJS.WriteStream,
    terminal: isAsked,
    prompt: '> ',
  })
  let isOpen = true
  lines.once('close', () => {
    isOpen = false
  })
  lines.on('SIGINT', () => {
    if (!talk.interrupt()) lines.close()
  })
  if (isAsked) lines.prompt()
  for await (const line of lines) {
    const [command = '', ...rest] = line.trim().split(' ')
    if (command === '/quit' || command === '/exit') break
    if (command === '/reset') talk.reset()
    else if (command === '/system') talk.reset(rest.join(' '))
    else if (command === '/help') output.line(HELP)
    else if (command !== '') await talk.ask(line)
    if (isAsked && isOpen) lines.prompt()
  }
  lines.close()
}

async function promptOf(text: string, { streams }: Output): Promise<string> {
  if (text !== '-') return text
  let read = ''
  for await (const chunk of streams.stdin) read += String(chunk)
  return read.trim()
}
