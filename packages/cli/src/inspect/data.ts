import { loadDataset, preview, tokenizeSample } from '@llft/data'
import { Tokenizer } from '@llft/tokenizer'
import { formatCount } from '@llft/train'
import { guessColumns } from '../guess-columns.js'
import type { Inspection } from './inspection.js'

/** A file of rows: how many there are, their form, and the first as a model sees it. */
export async function inspectData(path: string, model: string | undefined): Promise<Inspection> {
  const columns = await guessColumns(path)
  const { samples, format } = await loadDataset(path, { columns })
  const [first] = samples
  const tokenizer = model === undefined ? undefined : await Tokenizer.fromFolder(model)
  const shown = first && tokenizer && preview(tokenizeSample(first, tokenizer), tokenizer)
  return {
    kind: 'data',
    path,
    facts: {
      rows: formatCount(samples.length),
      form: columns === undefined ? format : `data.columns: ${JSON.stringify(columns)} (a guess)`,
      ...(shown === undefined && { first: JSON.stringify(first).slice(0, 200) }),
    },
    problems: [],
    text: shown && `the first row; what is learnt stands in ⟦ ⟧\n${shown}`,
  }
}
