import { printable, sideBySide } from '@llft/terminal'
import type { Speaker } from '../cli-event.js'
import type { Output } from '../output.js'
import type { Answer, Listener } from './voice.js'

/** Cells below which two columns are too narrow to read. */
const LEAST_COLUMNS_WIDTH = 72

/** Shows the answers to one question as they come. */
export interface AnswerView extends Listener {
  /** An answer has ended. */
  end(answer: Answer): void
  /** All have. */
  close(): void
}

/** One answer, or one after the other under headings; two columns on a terminal that is wide enough. */
export function createView(output: Output, speakers: readonly Speaker[]): AnswerView {
  const { isTTY } = output.streams.stdout
  const fits = isTTY === true && output.width >= LEAST_COLUMNS_WIDTH
  if (speakers.length > 1 && fits && !output.isJson) return new ColumnsView(output, speakers)
  return new PlainView(output, speakers.length > 1)
}

/** With --json, too. */
class PlainView implements AnswerView {
  #speaker: Speaker | undefined

  constructor(
    private readonly output: Output,
    private readonly hasHeadings: boolean,
  ) {}

  text(who: Speaker, text: string): void {
    this.head(who)
    this.output.event({ type: 'text', who, text })
    this.output.piece(printable(text))
  }

  forgotten(turns: number): void {
    tellForgotten(this.output, turns)
  }

  end(answer: Answer): void {
    this.head(answer.who)
    this.output.event({ type: 'answer', ...answer })
    this.output.line()
    tellCut(this.output, answer)
  }

  close(): void {}

  private head(who: Speaker): void {
    const isNew = this.hasHeadings && who !== this.#speaker
    if (isNew && this.#speaker !== undefined) this.output.line()
    if (isNew) this.output.line(this.output.paint.dim(`${who}:`))
    this.#speaker = who
  }
}

/** Draws both answers anew with each piece; when they have ended, whole. */
class ColumnsView implements AnswerView {
  readonly #texts: Map<Speaker, string>
  readonly #ended: Answer[] = []
  #drawnLines = 0

  constructor(
    private readonly output: Output,
    speakers: readonly Speaker[],
  ) {
    this.#texts = new Map(speakers.map((who) => [who, '']))
  }

  text(who: Speaker, text: string): void {
    this.#texts.set(who, (this.#texts.get(who) ?? '') + printable(text).replaceAll('\t', '    '))
    const most = (this.output.streams.stdout.rows || 24) - 2
    // What has scrolled out of the screen cannot be drawn anew: the end of longer answers is shown.
    const [headings = '', ...lines] = this.lines()
    this.draw([headings, ...lines.slice(-(most - 1))])
  }

  forgotten(turns: number): void {
    tellForgotten(this.output, turns)
  }

  end(answer: Answer): void {
    this.#ended.push(answer)
  }

  close(): void {
    this.draw(this.lines())
    for (const answer of this.#ended) tellCut(this.output, answer)
  }

  private lines(): string[] {
    const { paint, width } = this.output
    const columns = [...this.#texts].map(([heading, text]) => ({ heading, text: text.trim() }))
    const [headings = '', ...lines] = sideBySide(columns, width - 1)
    return [paint.dim(headings), ...lines]
  }

  private draw(lines: readonly string[]): void {
    const back = this.#drawnLines === 0 ? '' : `\u001b[${this.#drawnLines}A\r\u001b[J`
    this.output.piece(`${back}${lines.join('\n')}\n`)
    this.#drawnLines = lines.length
  }
}

function tellForgotten(output: Output, turns: number): void {
  output.note(`(The first ${turns} turns no longer fit into the context and are forgotten.)`)
}

function tellCut(output: Output, { who, reason, tokens }: Answer): void {
  const whose = who === 'model' ? 'It' : `That of ${who}`
  if (reason === 'length')
    output.note(`(${whose} was cut at ${tokens} tokens; raise --max-tokens for more.)`)
  if (reason === 'context') output.note(`(${whose} was cut at the end of the context.)`)
}
