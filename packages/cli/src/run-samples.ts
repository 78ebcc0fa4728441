import type { RunConfig } from '@llft/config'
import { runFolders } from '@llft/config'
import { loadDataset, type Sample } from '@llft/data'
import { generateText } from '@llft/lora'
import { type MetricsReporter, readMetrics } from '@llft/report'
import type { CausalLM } from '@llft/runtime'
import { Tokenizer } from '@llft/tokenizer'
import type { RunCallback, RunControl } from '@llft/train'

/** Prompts of a report, and how long their answers are. */
const PROMPTS = 3
const ANSWER = { maxNewTokens: 120, temperature: 0 }

interface Prompt {
  readonly text: string
  readonly ids: readonly number[]
  readonly reference: string
}

/** Asks the model some questions of the data before the first step and after the last, for the report. */
export function sampleCallback(config: RunConfig, metrics: MetricsReporter): RunCallback {
  let [prompts, before]: [Prompt[], string[]] = [[], []]
  return {
    async onEvent(event, run) {
      if (event.type === 'start') {
        prompts = await promptsOf(config)
        if (event.firstStep === 0) {
          before = await answers(run, prompts, config.model.path)
          for (const text of before) metrics.note({ type: 'before', text })
        } else before = await notedBefore(config)
      }
      if (event.type !== 'end') return
      const after = await answers(run, prompts, config.model.path)
      for (const [index, { text, reference }] of prompts.entries()) {
        metrics.note({
          type: 'sample',
          prompt: text,
          before: before[index] ?? '',
          after: after[index],
          reference,
        })
      }
    },
  }
}

async function answers(
  { model }: RunControl,
  prompts: readonly Prompt[],
  folder: string,
): Promise<string[]> {
  if (prompts.length === 0) return []
  const tokenizer = await Tokenizer.fromFolder(folder)
  const ids = prompts.map((prompt) => prompt.ids)
  const given = await generateText(model as CausalLM, tokenizer, ids, ANSWER)
  return given.map(({ text }) => text)
}

/** The first rows with an answer. */
async function promptsOf(config: RunConfig): Promise<Prompt[]> {
  const { train, eval: held, format, columns, documents } = config.data
  const file = typeof held === 'string' ? held : [train].flat()[0]
  const { samples } = await loadDataset(file as string, { format, columns, documents })
  const tokenizer = await Tokenizer.fromFolder(config.model.path)
  return samples.flatMap((sample) => promptOf(sample, tokenizer)).slice(0, PROMPTS)
}

function promptOf(sample: Sample, tokenizer: Tokenizer): Prompt[] {
  if (sample.kind === 'completion') {
    return [
      { text: sample.prompt, ids: tokenizer.encode(sample.prompt), reference: sample.completion },
    ]
  }
  if (sample.kind !== 'chat' || !tokenizer.hasChatTemplate) return []
  const { messages } = sample
  const last = messages.at(-1)
  if (messages.length < 2 || last?.role !== 'assistant') return []
  const asked = messages.slice(0, -1)
  return [
    {
      text: String(asked.at(-1)?.content),
      ids: tokenizer.encodeChat(asked, { addGenerationPrompt: true }),
      reference: String(last.content),
    },
  ]
}

async function notedBefore(config: RunConfig): Promise<string[]> {
  const lines = await readMetrics(runFolders(config).metrics)
  return lines.filter(({ type }) => type === 'before').map(({ text }) => String(text))
}
