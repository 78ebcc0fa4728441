import type { Attachment } from './attachment.js'

export interface ModelCardFacts {
  /** Name or folder of the base model, if it is known. */
  baseModel: string | null
  trainable: number
  /** Further lines for the table, such as data and losses. */
  notes: Readonly<Record<string, string | number>>
}

const MADE_BY = 'Trained with LLFT, which fine-tunes language models in Node.js.'

/** Whether a README.md was written by `modelCard`. */
export function isOwnCard(text: string): boolean {
  return text.includes(MADE_BY)
}

/** README.md of an adapter folder: what it is, what it was trained with, how to use it. */
export function modelCard({ config, layers }: Attachment, facts: ModelCardFacts): string {
  const { baseModel, trainable, notes } = facts
  const rows: Record<string, string | number> = {
    'base model': baseModel ?? 'not recorded',
    'adapted layers': layers.size,
    'trainable parameters': trainable.toLocaleString('en-US'),
    rank: config.r,
    alpha: config.alpha,
    dropout: config.dropout,
    ...notes,
  }
  const header = [
    '---',
    ...(baseModel === null ? [] : [`base_model: ${JSON.stringify(baseModel)}`]),
    'library_name: peft',
    'pipeline_tag: text-generation',
    'tags:',
    '- lora',
    '- llft',
    '---',
  ]
  return [
    ...header,
    '',
    '# LoRA adapter',
    '',
    `${MADE_BY} The folder has the layout of PEFT.`,
    '',
    '| | |',
    '|---|---|',
    ...Object.entries(rows).map(([name, value]) => `| ${name} | ${cell(value)} |`),
    '',
    '```ts',
    "import { loadAdapter, loadModel } from '@llft/lora'",
    '',
    `const model = await loadModel(${JSON.stringify(baseModel ?? 'path/to/base-model')})`,
    "await loadAdapter(model, 'path/to/this/folder')",
    '```',
    '',
  ].join('\n')
}

/** A bar would end the cell of a table. */
function cell(value: string | number): string {
  return String(value).replaceAll('|', '\\|').replaceAll('\n', ' ')
}
