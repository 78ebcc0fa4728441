import { DataError } from '@llft/errors'
import { parseJson } from '@llft/input'
import type { ChatMessage } from '@llft/tokenizer'
import type { Row } from './row.js'
import type { Sample } from './sample.js'

/**
 * How rows are written:
 * - `messages`: `{ messages: [{ role, content }], tools? }`
 * - `sharegpt`: `{ conversations: [{ from, value }], system?, tools? }`
 * - `alpaca`: `{ instruction, input?, output, system?, history?: [[user, assistant]] }`
 * - `completion`: `{ prompt, completion }`
 * - `text`: `{ text }`
 */
export type DataFormat = 'messages' | 'sharegpt' | 'alpaca' | 'completion' | 'text'

/** Names of the user's own columns, for rows in none of the known formats. */
export type ColumnMap =
  | { readonly user: string; readonly assistant: string; readonly system?: string | undefined }
  | { readonly prompt: string; readonly completion: string }
  | { readonly text: string }

/** The format whose fields a row has. */
export function detectFormat(row: Row): DataFormat {
  const keys = new Set(row.keys)
  if (keys.has('messages')) return 'messages'
  if (keys.has('conversations')) return 'sharegpt'
  if (keys.has('instruction')) return 'alpaca'
  if (keys.has('prompt') && keys.has('completion')) return 'completion'
  if (keys.has('text')) return 'text'
  throw new DataError(
    `${row.where}: a row must have "messages", "conversations", "instruction" and "output", "prompt" and "completion", or "text"; got ${row.keys.map((k) => `"${k}"`).join(', ') || 'no fields'}. Name your own with columns, such as { user: 'question', assistant: 'answer' }.`,
  )
}

/** Brings a row of a known format into the common form. */
export function readSample(row: Row, format: DataFormat): Sample {
  const { source } = row
  switch (format) {
    case 'messages':
      return chat(row, row.rows('messages').map(readMessage))
    case 'sharegpt':
      return chat(row, [...system(row), ...row.rows('conversations').map(readShareGptTurn)])
    case 'alpaca':
      return chat(row, readAlpaca(row))
    case 'completion':
      return {
        kind: 'completion',
        prompt: row.text('prompt'),
        completion: row.text('completion'),
        source,
      }
    case 'text':
      return { kind: 'text', text: row.text('text'), source }
  }
}

/** Brings a row with the user's own columns into the common form. */
export function readColumns(row: Row, columns: ColumnMap): Sample {
  const { source } = row
  if ('text' in columns) return { kind: 'text', text: row.text(columns.text), source }
  if ('prompt' in columns) {
    const [prompt, completion] = [row.text(columns.prompt), row.text(columns.completion)]
    return { kind: 'completion', prompt, completion, source }
  }
  return chat(row, [
    ...(columns.system === undefined ? [] : system(row, columns.system)),
    { role: 'user', content: row.text(columns.user) },
    { role: 'assistant', content: row.text(columns.assistant) },
  ])
}

function chat(row: Row, messages: ChatMessage[]): Sample {
  const last = messages.findLastIndex(({ role }) => role === 'assistant')
  if (last < 0) {
    throw new DataError(
      `${row.where}: a conversation must hold an assistant turn to learn; got ${messages.map(({ role }) => role).join(', ')}.`,
    )
  }
  // Turns behind the last answer would only be read, never learnt from.
  const used = messages.slice(0, last + 1)
  const tools = readTools(row)
  return { kind: 'chat', messages: used, source: row.source, ...(tools && { tools }) }
}

function readMessage(message: Row): ChatMessage {
  const { content, ...rest } = Object.fromEntries(
    message.keys.map((key) => [key, message.get(key)]),
  )
  const role = message.text('role')
  // An assistant that only calls functions says nothing.
  if ((content === null || content === undefined) && rest.tool_calls !== undefined) {
    return { ...rest, role, content: '' }
  }
  return {
    ...rest,
    role,
    content: Array.isArray(content) ? joinParts(message) : message.text('content'),
  }
}

/** Content given as `[{ type: 'text', text }]`. */
function joinParts(message: Row): string {
  return message
    .rows('content')
    .map((part) => part.text('text'))
    .join('')
}

const SHAREGPT_ROLES: Readonly<Record<string, string>> = {
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  assistant: 'assistant',
  function_call: 'assistant',
  system: 'system',
  observation: 'tool',
  tool: 'tool',
}

function readShareGptTurn(turn: Row): ChatMessage {
  const from = turn.text('from')
  const role = Object.hasOwn(SHAREGPT_ROLES, from) ? SHAREGPT_ROLES[from] : undefined
  if (role === undefined) {
    return turn.fail('from', `one of ${Object.keys(SHAREGPT_ROLES).join(', ')}`, from)
  }
  return { role, content: turn.text('value') }
}

function readAlpaca(row: Row): ChatMessage[] {
  const input = row.optionalText('input')
  const instruction = row.text('instruction')
  return [
    ...system(row),
    ...readHistory(row),
    { role: 'user', content: input === '' ? instruction : `${instruction}\n${input}` },
    { role: 'assistant', content: row.text('output') },
  ]
}

function readHistory(row: Row): ChatMessage[] {
  const history = row.get('history')
  if (history === undefined || history === null) return []
  if (!Array.isArray(history)) return row.fail('history', 'a list', history)
  return history.flatMap((turn, i) => {
    const [user, assistant] = Array.isArray(turn) ? turn : []
    if (typeof user !== 'string' || typeof assistant !== 'string') {
      return row.fail(`history[${i}]`, 'a pair of strings', turn)
    }
    return [
      { role: 'user', content: user },
      { role: 'assistant', content: assistant },
    ]
  })
}

function system(row: Row, column = 'system'): ChatMessage[] {
  const content = row.optionalText(column)
  return content === '' ? [] : [{ role: 'system', content }]
}

/** Some data sets write the list of functions as JSON in a string. */
function readTools(row: Row): unknown[] | undefined {
  const tools = row.get('tools')
  if (tools === undefined || tools === null || tools === '') return undefined
  let list: unknown = tools
  if (typeof tools === 'string') {
    try {
      list = parseJson(tools, row.where)
    } catch {
      return row.fail('tools', 'a list or a list as JSON', tools)
    }
  }
  if (!Array.isArray(list)) return row.fail('tools', 'a list or a list as JSON', tools)
  return list.length === 0 ? undefined : list
}
