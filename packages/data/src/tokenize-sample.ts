import { DataError } from '@llft/errors'
import type { ChatMessage, Tokenizer } from '@llft/tokenizer'
import { answerSpans, type RenderChat, type TrainOn } from './answer-spans.js'
import { type Example, IGNORED } from './example.js'
import { formatPlain } from './plain-format.js'
import type { ChatSample, CompletionSample, Sample, TextSample } from './sample.js'
import { sourceName } from './source.js'
import { encodeParts } from './token-spans.js'

export interface SampleOptions {
  /** Which turns of a conversation are learnt. Default `all-assistant`. */
  readonly train?: TrainOn | undefined
  /** Further names for the chat template, such as `enable_thinking`. */
  readonly templateVariables?: Readonly<Record<string, unknown>> | undefined
}

/**
 * Token ids and labels of one row, at its full length.
 *
 * Conversations go through the model's chat template, or `formatPlain` if it has none; what the
 * template writes behind an answer is learnt with it. Special tokens that messages contain stay
 * text. Completions and texts end with the EOS token, which is learnt, and start with BOS where the
 * tokenizer adds it; special tokens in them are special tokens.
 * @throws DataError naming file and line if the chat template refuses the conversation
 */
export function tokenizeSample(
  sample: Sample,
  tokenizer: Tokenizer,
  options: SampleOptions = {},
): Example {
  const { train = 'all-assistant' } = options
  if (sample.kind === 'text') return tokenizeText(sample, tokenizer)
  if (sample.kind === 'completion') return tokenizeCompletion(sample, tokenizer, train)
  return tokenizeChat(sample, tokenizer, options)
}

function tokenizeChat(sample: ChatSample, tokenizer: Tokenizer, options: SampleOptions): Example {
  const { messages, source } = sample
  const render = chatRenderer(sample, tokenizer, options)
  try {
    const text = render(messages, false)
    const spans = answerSpans(text, messages, render, options.train ?? 'all-assistant')
    const edges = [...new Set([0, ...spans.flatMap(({ start, end }) => [start, end]), text.length])]
    edges.sort((a, b) => a - b)
    const parts = edges.slice(1).map((end, i) => text.slice(edges[i], end))
    const { ids, cuts } = encodeParts(tokenizer, parts)
    const learnt = parts.map((_, i) =>
      spans.some((s) => s.start <= at(edges, i) && at(edges, i) < s.end),
    )
    return labelled(ids, cuts, learnt, source)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_LLFT_DATA') throw error
    throw new DataError(`${sourceName(source)}: ${(error as Error).message}`, { cause: error })
  }
}

function chatRenderer(
  { tools }: ChatSample,
  tokenizer: Tokenizer,
  { templateVariables }: SampleOptions,
): RenderChat {
  if (!tokenizer.hasChatTemplate) {
    const eos = tokenText(tokenizer, tokenizer.eosTokenId)
    return (messages, addGenerationPrompt) =>
      formatPlain(
        messages.map((message) => guarded(message, tokenizer)),
        eos,
        addGenerationPrompt,
      )
  }
  return (messages, addGenerationPrompt) =>
    tokenizer.applyChatTemplate(messages, {
      addGenerationPrompt,
      guardSpecialTokens: true,
      ...(tools && { tools }),
      ...(templateVariables && { variables: templateVariables }),
    })
}

function guarded(message: ChatMessage, tokenizer: Tokenizer): ChatMessage {
  return { ...message, content: tokenizer.guardSpecialTokens(String(message.content)) }
}

function tokenizeCompletion(
  { prompt, completion, source }: CompletionSample,
  tokenizer: Tokenizer,
  train: TrainOn,
): Example {
  const { ids, cuts } = encodeParts(tokenizer, [prompt, completion])
  return withEnds(ids, cuts, [train === 'all', true], tokenizer, source)
}

function tokenizeText({ text, source }: TextSample, tokenizer: Tokenizer): Example {
  const ids = tokenizer.encode(text)
  return withEnds(ids, [ids.length], [true], tokenizer, source)
}

/** Adds BOS, where the tokenizer puts one before a text, and EOS, unless they are there already. */
function withEnds(
  ids: readonly number[],
  cuts: readonly number[],
  learnt: readonly boolean[],
  tokenizer: Tokenizer,
  source: Example['source'],
): Example {
  const { bosTokenId: bos, eosTokenId: eos } = tokenizer
  const addsBos = tokenizer.encode('', { addSpecialTokens: true })[0] === bos
  const front = bos !== undefined && addsBos && ids[0] !== bos ? [bos] : []
  const back = eos !== undefined && ids.at(-1) !== eos ? [eos] : []
  const ends = cuts.map((cut, i) => cut + front.length + (i === cuts.length - 1 ? back.length : 0))
  return labelled([...front, ...ids, ...back], ends, learnt, source)
}

/** Labels the tokens of each part: themselves if the part is learnt, else -100. */
function labelled(
  ids: readonly number[],
  cuts: readonly number[],
  learnt: readonly boolean[],
  source: Example['source'],
): Example {
  const labels = new Int32Array(ids.length).fill(IGNORED)
  let from = 0
  for (const [i, to] of cuts.entries()) {
    if (learnt[i]) labels.set(ids.slice(from, to), from)
    from = to
  }
  return { ids: Int32Array.from(ids), labels, source }
}

function at(edges: readonly number[], i: number): number {
  return edges[i] as number
}

function tokenText(tokenizer: Tokenizer, id: number | undefined): string {
  return id === undefined ? '' : (tokenizer.idToToken(id) ?? '')
}
