import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export type ChatMessage = {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/** One document of the corpus: running text, or a conversation that is written in the chat template. */
export type Document = { kind: 'text'; text: string } | { kind: 'chat'; messages: ChatMessage[] }

interface Source {
  file: string
  /** Share of the rows that is used: 1 is all of them, 0.5 every second. */
  share: number
  read: (content: string) => (Document | undefined)[]
}

type Row = Record<string, unknown>

const jsonRows = (content: string): Row[] => JSON.parse(content) as Row[]
const jsonLines = (content: string): Row[] =>
  content
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row)

function chat(user: string, assistant: string): Document | undefined {
  if (user.trim() === '' || assistant.trim() === '') return undefined
  return {
    kind: 'chat',
    messages: [
      { role: 'user', content: user.trim() },
      { role: 'assistant', content: assistant.trim() },
    ],
  }
}

function alpaca(row: Row): Document | undefined {
  const fill = (value: unknown): string =>
    String(value ?? '')
      .replaceAll('{{name}}', 'LLFT')
      .replaceAll('{{author}}', 'the LLFT authors')
  const input = fill(row.input)
  return chat(fill(row.instruction) + (input === '' ? '' : `\n${input}`), fill(row.output))
}

interface Turn {
  from: string
  value: string
}

/** The plain turns of a conversation, up to the first call of a tool: those are another lesson. */
function shareGpt(row: Row): Document | undefined {
  const messages: ChatMessage[] = []
  for (const turn of row.conversations as Turn[]) {
    if (turn.from !== 'human' && turn.from !== 'gpt') break
    messages.push({ role: turn.from === 'human' ? 'user' : 'assistant', content: turn.value })
  }
  if (messages.at(-1)?.role === 'user') messages.pop()
  return messages.length < 2 ? undefined : { kind: 'chat', messages }
}

function preference(row: Row): Document | undefined {
  const turns = row.conversations as Turn[]
  const last = turns.at(-1)
  return last && turns.length === 1 ? chat(last.value, (row.chosen as Turn).value) : undefined
}

function rated(row: Row): Document | undefined {
  return row.label === true ? { kind: 'chat', messages: row.messages as ChatMessage[] } : undefined
}

const text = (value: string): Document | undefined =>
  value.trim() === '' ? undefined : { kind: 'text', text: value.trim() }

const SOURCES: Source[] = [
  { file: 'c4_demo.jsonl', share: 1, read: (c) => jsonLines(c).map((r) => text(String(r.text))) },
  { file: 'wiki_demo.txt', share: 1, read: (c) => c.split('\n').map(text) },
  { file: 'alpaca_en_demo.json', share: 1, read: (c) => jsonRows(c).map(alpaca) },
  { file: 'alpaca_zh_demo.json', share: 1, read: (c) => jsonRows(c).map(alpaca) },
  { file: 'identity.json', share: 1, read: (c) => jsonRows(c).map(alpaca) },
  { file: 'dpo_en_demo.json', share: 1, read: (c) => jsonRows(c).map(preference) },
  { file: 'dpo_zh_demo.json', share: 1, read: (c) => jsonRows(c).map(preference) },
  { file: 'kto_en_demo.json', share: 1, read: (c) => jsonRows(c).map(rated) },
  { file: 'glaive_toolcall_en_demo.json', share: 1, read: (c) => jsonRows(c).map(shareGpt) },
  { file: 'medical_qa_zh.json', share: 0.5, read: (c) => jsonLines(c).map(alpaca) },
  {
    file: 'gsm8k_train.jsonl',
    share: 0.5,
    read: (c) => jsonLines(c).map((r) => chat(String(r.question), String(r.answer))),
  },
]

/** The folder that holds the corpus: `$LLFT_SHARED/data`. */
export function corpusFolder(): string {
  const shared = process.env.LLFT_SHARED
  const folder = join(shared ?? '', 'data')
  if (!shared || !existsSync(folder)) {
    throw new Error(
      `corpus: LLFT_SHARED must name a folder with data/ in it; got ${shared ?? 'nothing'}.`,
    )
  }
  return folder
}

/** Every document of the corpus, in file order; a pure function of the files. */
export function readCorpus(folder: string): Document[] {
  const documents: Document[] = []
  for (const source of SOURCES) {
    const every = Math.round(1 / source.share)
    const rows = source.read(readFileSync(join(folder, source.file), 'utf8'))
    for (const [index, row] of rows.entries()) if (row && index % every === 0) documents.push(row)
  }
  return documents
}
