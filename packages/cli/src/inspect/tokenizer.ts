import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { readJsonFile } from '@llft/input'
import { Tokenizer } from '@llft/tokenizer'
import { formatCount } from '@llft/train'
import type { Row } from '../table.js'
import { templateProblems } from './chat-template.js'
import type { Inspection, Inspector, Section } from './inspection.js'

/** Special tokens and lines of a template that are shown. */
const SHOWN_TOKENS = 12
const SHOWN_LINES = 6
const SHOWN_COLUMNS = 88

/** What else is known of the model whose tokenizer it is. */
export interface ModelOfTokenizer {
  readonly vocabulary: number
  readonly eosTokenIds: readonly number[]
}

/** tokenizer.json without weights beside it. */
export const tokenizerInspector: Inspector = {
  kind: 'tokenizer',
  matches: ({ files }) => files.has('tokenizer.json'),
  async inspect({ path }) {
    return { ...(await inspectTokenizer(path)), next: [] }
  },
}

/** @throws FormatError if tokenizer.json is none */
export async function inspectTokenizer(
  folder: string,
  model?: ModelOfTokenizer,
): Promise<Omit<Inspection, 'next'>> {
  const tokenizer = await Tokenizer.fromFolder(folder)
  const json = await readJsonFile(join(folder, 'tokenizer.json'))
  const kind = (json.model as { type?: unknown }).type
  const special = specialTokens(tokenizer)
  const { chatTemplate } = tokenizer
  const sha256 = chatTemplate && createHash('sha256').update(chatTemplate).digest('hex')
  const { problems, notes } = problemsOf(tokenizer, model)
  const named = namedTokens(tokenizer)
  return {
    summary: `a tokenizer of ${formatCount(tokenizer.vocabSize)} tokens`,
    facts: {
      kind: typeof kind === 'string' ? kind : null,
      vocabulary: tokenizer.vocabSize,
      special,
      ...Object.fromEntries(named.map(({ role, id }) => [role, id ?? null])),
      chatTemplateSha256: sha256 ?? null,
    },
    sections: [
      { title: 'Tokenizer', rows: rowsOf(tokenizer, String(kind ?? 'not named'), special, named) },
      ...templateSections(chatTemplate, sha256),
    ],
    problems,
    notes,
  }
}

interface NamedToken {
  readonly role: 'bos' | 'eos' | 'pad'
  readonly id: number | undefined
}

function namedTokens({ bosTokenId, eosTokenId, padTokenId }: Tokenizer): NamedToken[] {
  return [
    { role: 'bos', id: bosTokenId },
    { role: 'eos', id: eosTokenId },
    { role: 'pad', id: padTokenId },
  ]
}

function rowsOf(
  tokenizer: Tokenizer,
  kind: string,
  special: readonly string[],
  named: readonly NamedToken[],
): Row[] {
  const more = special.length > SHOWN_TOKENS ? ` and ${special.length - SHOWN_TOKENS} more` : ''
  return [
    ['kind', kind],
    ['vocabulary', `${formatCount(tokenizer.vocabSize)} tokens`],
    ['special', `${special.length}: ${special.slice(0, SHOWN_TOKENS).join(' ')}${more}`],
    ...named.map(({ role, id }): Row => {
      return [role, id === undefined ? 'none' : `${tokenizer.idToToken(id)} (${id})`]
    }),
  ]
}

function specialTokens(tokenizer: Tokenizer): string[] {
  const ids = Array.from({ length: tokenizer.vocabSize }, (_, id) => id)
  return ids.filter((id) => tokenizer.isSpecial(id)).map((id) => tokenizer.idToToken(id) ?? '')
}

function templateSections(template: string | undefined, sha256: string | undefined): Section[] {
  if (template === undefined) return []
  const lines = template.split('\n')
  const first = lines.slice(0, SHOWN_LINES).map((line) => {
    return line.length > SHOWN_COLUMNS ? `${line.slice(0, SHOWN_COLUMNS)} …` : line
  })
  const more = lines.length > SHOWN_LINES ? [`… ${lines.length - SHOWN_LINES} more lines`] : []
  const rows: Row[] = [
    ['size', `${formatCount(template.length)} characters`],
    ['SHA-256', String(sha256)],
  ]
  return [{ title: 'Chat template', rows, text: [...first, ...more].join('\n') }]
}

function problemsOf(tokenizer: Tokenizer, model: ModelOfTokenizer | undefined) {
  const problems: string[] = []
  const notes: string[] = []
  const { eosTokenId, padTokenId, vocabSize } = tokenizer
  if (model !== undefined && vocabSize > model.vocabulary) {
    problems.push(
      `The tokenizer has ${formatCount(vocabSize)} tokens and the model ${formatCount(model.vocabulary)}: some ids have no embedding. They belong to different models.`,
    )
  }
  if (eosTokenId === undefined) {
    problems.push('The tokenizer names no eos token, so texts would be learnt without their end.')
  } else if (eosTokenId === padTokenId) {
    notes.push('The padding token is the end token. Nothing is padded here, so the end is learnt.')
  }
  const ends = [...(model?.eosTokenIds ?? []), ...(eosTokenId === undefined ? [] : [eosTokenId])]
  if (tokenizer.hasChatTemplate) problems.push(...templateProblems(tokenizer, ends))
  else {
    notes.push(
      "There is no chat template: conversations are written plainly, with '### Instruction:' and '### Response:'.",
    )
  }
  return { problems, notes }
}
