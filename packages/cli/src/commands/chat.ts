import { text as readAll } from 'node:stream/consumers'
import { DataError } from '@llft/errors'
import type { QuantizationOptions } from '@llft/quant'
import { modelPathsOf } from '../adapter-path.js'
import { Dialogue } from '../chat/dialogue.js'
import { loadVoices } from '../chat/load-voices.js'
import type { AnswerSettings } from '../chat/voice.js'
import type { CommandContext } from '../command-context.js'
import type { Output } from '../output.js'
import { shellWord } from '../shell-word.js'

interface ChatOptions extends Omit<AnswerSettings, 'seed'> {
  readonly adapter?: string
  readonly compare?: boolean
  readonly prompt?: string
  readonly system?: string
  readonly seed: number
  readonly quantization?: QuantizationOptions
}

/** `llft chat MODEL`: answers one --prompt, or the lines of stdin until they end. */
export async function chat({ output, args, options }: CommandContext): Promise<void> {
  const [given = ''] = args
  const {
    adapter,
    compare = false,
    prompt,
    system,
    quantization,
    ...settings
  } = options as unknown as ChatOptions
  const paths = await modelPathsOf(given, adapter)
  output.status(`loading ${paths.model} ...`)
  const { maxTokens } = settings
  const loaded = await loadVoices({ ...paths, compare, system, maxTokens, quantization })
  output.endStatus()
  try {
    const dialogue = new Dialogue(output, loaded.voices, settings)
    if (prompt !== undefined) {
      await dialogue.ask(await questionOf(prompt, output))
      const and = adapter === undefined ? '' : ` --adapter ${shellWord(adapter)}`
      output.next([`llft chat ${shellWord(given)}${and}`, 'go on talking'])
      return
    }
    output.note(`${named(paths)}. /help says what there is, /quit leaves.`)
    await dialogue.run()
    if (paths.adapter !== undefined) {
      const merge = `llft merge ${shellWord(paths.model)} OUT --adapter ${shellWord(paths.adapter)}`
      output.next([merge, 'make one model of both'])
    }
  } finally {
    loaded.dispose()
  }
}

function named({ model, adapter }: { model: string; adapter: string | undefined }): string {
  return adapter === undefined ? model : `${model} with ${adapter}`
}

async function questionOf(prompt: string, output: Output): Promise<string> {
  const question = prompt === '-' ? (await readAll(output.streams.stdin)).trimEnd() : prompt
  if (question.trim() !== '') return question
  throw new DataError('--prompt: must hold a question; got nothing.')
}
