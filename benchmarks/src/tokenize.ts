import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Contest } from './contest.js'
import { Peer } from './peer.js'
import { type BenchOptions, compared, type Result, wanted } from './result.js'
import { realSmolLM2 } from './smollm2-folder.js'
import type { TokenizeRequest, TokenizeSetting } from './tokenize-worker.js'

const DEMO = fileURLToPath(new URL('../../demo', import.meta.url))
const QUESTIONS = 'finetuning-qa.jsonl'
/** Characters of a document of plain text, to the end of the line. */
const DOCUMENT_CHARACTERS = 2000

/**
 * One thread; words that came before are in the caches of both, as they are in a data set. The text is the demo's, or
 * that of the file that LLFT_BENCH_TEXT names.
 */
export async function tokenize(options: BenchOptions): Promise<Result[]> {
  const real = realSmolLM2()
  const [model, folder] = real === undefined ? ['demo', join(DEMO, 'model')] : ['SmolLM2', real]
  const text = process.env.LLFT_BENCH_TEXT
  const source = text === undefined ? QUESTIONS : basename(text)
  const cases = (['encode', 'decode'] as const)
    .map((direction) => ({ direction, name: `${model} ${direction} ${source}` }))
    .filter(({ name }) => wanted(name, options))
  if (cases.length === 0) return []
  const scratch = mkdtempSync(join(tmpdir(), 'llft-bench-'))
  try {
    const documents = join(scratch, 'documents.json')
    writeFileSync(documents, JSON.stringify(text === undefined ? questions() : parts(text)))
    using contest = await startContest({ folder, documents }, options)
    const results: Result[] = []
    for (const { direction, name } of cases) {
      results.push(await measure(contest, direction, name, options))
    }
    return results
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function startContest(setting: TokenizeSetting, { baseline }: BenchOptions): Promise<Contest> {
  const { folder, documents } = setting
  return Contest.start({
    ours: () => Peer.ours('tokenize-worker.js', setting),
    ...(baseline && { peer: () => Peer.python('hf_tokenizers.py', [folder, documents]) }),
  })
}

async function measure(
  contest: Contest,
  direction: TokenizeRequest,
  name: string,
  options: BenchOptions,
): Promise<Result> {
  const { of: runs } = await contest.measure(direction, name, 'bytes/s', options)
  return compared({
    bench: 'tokenize',
    case: name,
    metric: 'speed',
    value: runs.ours.speed / 1e6,
    unit: 'MB/s',
    ...(runs.peer && { baseline: { name: 'HF tokenizers', value: runs.peer.speed / 1e6 } }),
  })
}

/** Questions and answers about fine-tuning in English and Chinese, each a document. */
function questions(): string[] {
  const lines = readFileSync(join(DEMO, QUESTIONS), 'utf8').split('\n')
  return lines.filter(Boolean).flatMap((line) => {
    const { messages } = JSON.parse(line) as { messages: { content: string }[] }
    return messages.map(({ content }) => content)
  })
}

/** A file of plain text in documents of whole lines. */
function parts(file: string): string[] {
  const documents: string[] = []
  let document = ''
  for (const line of readFileSync(file, 'utf8').split(/^/m)) {
    document += line
    if (document.length < DOCUMENT_CHARACTERS) continue
    documents.push(document)
    document = ''
  }
  return document === '' ? documents : [...documents, document]
}
