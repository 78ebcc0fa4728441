import { Tokenizer } from '@llft/tokenizer'
import type { Inspection } from './inspection.js'

/** Lines of a template that are shown. */
const TEMPLATE_LINES = 4

/** What a folder says of its tokenizer and chat template. */
export async function tokenizerFacts(
  folder: string,
  vocabulary?: number,
): Promise<Pick<Inspection, 'facts' | 'problems'>> {
  const tokenizer = await Tokenizer.fromFolder(folder)
  const { eosToken, bosToken, padToken, vocabularySize } = describe(tokenizer)
  const { template: hash } = tokenizer.fingerprint()
  const problems: string[] = []
  if (!tokenizer.hasChatTemplate)
    problems.push(
      'no chat template: conversations are written as ### Instruction: and ### Response:',
    )
  if (eosToken === undefined) problems.push('no EOS token: the model cannot learn to stop')
  if (vocabulary !== undefined && vocabularySize > vocabulary) {
    problems.push(`the tokenizer has ${vocabularySize} tokens, the model ${vocabulary}`)
  }
  const lines = (tokenizer.chatTemplate ?? '').split('\n')
  const more =
    lines.length > TEMPLATE_LINES ? `\n... ${lines.length - TEMPLATE_LINES} more lines` : ''
  return {
    facts: {
      tokenizer: `${vocabularySize} tokens; BOS ${bosToken ?? 'none'}, EOS ${eosToken ?? 'none'}, PAD ${padToken ?? 'none'}`,
      ...(hash && {
        template: `SHA-256 ${hash.slice(0, 16)}\n${lines
          .slice(0, TEMPLATE_LINES)
          .map((line) => line.slice(0, 100))
          .join('\n')}${more}`,
      }),
    },
    problems,
  }
}

export async function inspectTokenizer(folder: string): Promise<Inspection> {
  return { kind: 'tokenizer', path: folder, ...(await tokenizerFacts(folder)) }
}

function describe(tokenizer: Tokenizer) {
  const token = (id: number | undefined) => (id === undefined ? undefined : tokenizer.idToToken(id))
  return {
    bosToken: token(tokenizer.bosTokenId),
    eosToken: token(tokenizer.eosTokenId),
    padToken: token(tokenizer.padTokenId),
    vocabularySize: tokenizer.vocabSize,
  }
}
