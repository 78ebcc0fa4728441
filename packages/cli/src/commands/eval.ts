import {
  batches,
  evaluate,
  loadAdapter,
  loadDataset,
  loadModel,
  loadQuantizedModel,
  type QuantizationOptions,
  Tokenizer,
  tokenizeDataset,
} from '@llft/lora'
import { formatCount, formatSeconds } from '@llft/train'
import { modelPathsOf } from '../adapter-path.js'
import type { CommandContext } from '../command-context.js'
import { guessColumns } from '../guess-columns.js'
import { tableLines } from '../table.js'

/** `llft eval MODEL --data FILE` */
export async function evaluateModel({ output, args, options }: CommandContext): Promise<void> {
  const [given] = args as [string]
  const { model: folder, adapter } = await modelPathsOf(
    given,
    options.adapter as string | undefined,
  )
  const tokenizer = await Tokenizer.fromFolder(folder)
  const data = options.data as string
  const { samples } = await loadDataset(data, { columns: await guessColumns(data) })
  const rows = samples.slice(0, (options.limit as number | undefined) ?? samples.length)
  const maxLength = options.maxLength as number
  const { examples } = await tokenizeDataset(rows, tokenizer, { maxLength })
  const quantization = options.quantization as QuantizationOptions | undefined
  const model =
    quantization === undefined
      ? await loadModel(folder)
      : await loadQuantizedModel(folder, { quantization })
  try {
    if (adapter !== undefined) await loadAdapter(model, adapter)
    const started = performance.now()
    const { loss, tokens } = await evaluate(
      model,
      batches(examples, { batchSize: 4, shuffle: false }),
    )
    const seconds = (performance.now() - started) / 1000
    const perplexity = Math.exp(loss)
    output.event({ type: 'evaluation', loss, perplexity, tokens, seconds })
    for (const line of tableLines(
      [
        ['model', adapter === undefined ? folder : `${folder} with ${adapter}`],
        ['rows', formatCount(examples.length)],
        ['loss', `${loss.toFixed(4)} nats per token`],
        ['perplexity', perplexity.toFixed(3)],
        ['tokens', `${formatCount(tokens)} learnt ones, in ${formatSeconds(seconds)}`],
      ],
      output,
    ))
      output.line(line)
  } finally {
    model.dispose()
  }
}
