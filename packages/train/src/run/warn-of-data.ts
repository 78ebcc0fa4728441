import type { DataReport } from '@llft/data'
import type { Warnings } from '@llft/errors'

/** Share of the rows from which on their loss is worth a warning. */
const NOTABLE = 0.01

/** What decides on the meaning of a report. */
export interface DataContext {
  /** 'rows', or 'held-out rows'. */
  readonly kind: string
  readonly maxLength: number
  /** Whether conversations were written by the tokenizer's own template. */
  readonly hasTemplate: boolean
  readonly hasTurns: boolean
}

/** Warns of rows that are not learnt from, or not as they were meant. */
export function warnOfData(warnings: Warnings, report: DataReport, context: DataContext): void {
  const { rows, truncated, tooLong, untrained, examples, eosTrained, continued } = report
  const { kind, maxLength } = context
  if (context.hasTurns && !context.hasTemplate) warnOfTemplate(warnings)
  const dropped = tooLong + untrained
  if (dropped > NOTABLE * rows) {
    warnings.add(
      'WARN_LLFT_ROWS_DROPPED',
      `${dropped} of ${rows} ${kind} are left out: ${tooLong} longer than ${maxLength} tokens, ${untrained} without a token to learn.`,
      dropRemedy(report, maxLength),
    )
  }
  if (truncated > NOTABLE * rows) {
    warnings.add(
      'WARN_LLFT_ROWS_TRUNCATED',
      `${truncated} of ${rows} ${kind} are cut to ${maxLength} tokens.`,
      'Raise maxLength, shorten the rows, or leave them out with truncation: drop.',
    )
  }
  const unended = examples - truncated - continued - eosTrained
  if (unended > NOTABLE * rows) {
    warnings.add(
      'WARN_LLFT_END_NOT_LEARNT',
      `in ${unended} of ${examples} ${kind} the answer ends without an end token that is learnt, although they are whole: the model will not learn to stop.`,
      'Check that the chat template ends answers with the end-of-turn token, and that tokenizer_config.json names it.',
    )
  }
}

function dropRemedy({ tooLong, untrained }: DataReport, maxLength: number): string {
  if (tooLong > 0 && untrained === 0)
    return 'Raise maxLength, or cut them with truncation: truncate.'
  return `Look for empty answers, and for prompts that alone fill the ${maxLength} tokens: raise maxLength then.`
}

function warnOfTemplate(warnings: Warnings): void {
  warnings.add(
    'WARN_LLFT_NO_CHAT_TEMPLATE',
    "the model has no chat template; conversations are written as '### Instruction:' and '### Response:'.",
    'Prompt the tuned model in that form, or train an instruct model, or give its tokenizer a template.',
  )
}
