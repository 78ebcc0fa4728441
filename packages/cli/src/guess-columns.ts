import { type ColumnMap, loadDataset, readRows } from '@llft/data'
import { DataError } from '@llft/errors'

/** Names that people give to questions and answers, the likelier first. */
const QUESTIONS = ['question', 'prompt', 'input', 'query', 'user', 'instruction', 'title']
const ANSWERS = [
  'answer',
  'response',
  'output',
  'completion',
  'assistant',
  'reply',
  'solution',
  'target',
]
const TEXTS = ['text', 'content', 'body', 'document']

/**
 * The columns to name for a file whose rows have no form that is known; undefined where they have one.
 *
 * @throws DataError for a file without a guess.
 */
export async function guessColumns(file: string): Promise<ColumnMap | undefined> {
  try {
    await loadDataset(file)
    return undefined
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    const { value: first } = await readRows(file).next()
    const columns = Object.keys((first?.row as object | undefined) ?? {})
    const find = (names: readonly string[]) => names.find((name) => columns.includes(name))
    const [user, assistant, text] = [find(QUESTIONS), find(ANSWERS), find(TEXTS)]
    if (user !== undefined && assistant !== undefined) return { user, assistant }
    if (text !== undefined) return { text }
    throw error
  }
}
