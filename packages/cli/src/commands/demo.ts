import { demonstrate, MODEL_FOLDER } from '@llft/demo'
import type { CommandContext } from '../command-context.js'
import { shellWord } from '../shell-word.js'

/** `llft demo`: the answers of a small model before and after its training, side by side. */
export async function demo({ output, options }: CommandContext): Promise<void> {
  const folder = options.output as string
  const comparisons = await demonstrate({
    output: folder,
    baseModel: MODEL_FOLDER,
    display: {
      line: (text) => output.line(text),
      status: (text) => output.status(text),
      settle: (text) => output.line(text),
    },
  })
  for (const comparison of comparisons) output.event({ type: 'demo', ...comparison })
  output.next(
    [`llft chat ${shellWord(folder)} --compare`, 'ask both yourself'],
    [`llft inspect ${shellWord(folder)}`, 'look at what was written'],
  )
}
