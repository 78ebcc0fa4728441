// Our tokenizer, one round for each line of standard input: the protocol of baselines/hf_tokenizers.py.
import { readFileSync } from 'node:fs'
import { Tokenizer } from '@llft/tokenizer'
import { serveRounds } from './worker.js'

export interface TokenizeSetting {
  /** Of the tokenizer. */
  folder: string
  /** A JSON list of texts. */
  documents: string
}
export type TokenizeRequest = 'encode' | 'decode'

const ROUND_SECONDS = 0.2

const { folder, documents: path } = JSON.parse(process.argv[2] ?? '') as TokenizeSetting
const tokenizer = await Tokenizer.fromFolder(folder)
const documents = JSON.parse(readFileSync(path, 'utf8')) as string[]
const bytes = documents.reduce((sum, document) => sum + Buffer.byteLength(document), 0)
const encoded = documents.map((document) => tokenizer.encode(document))
const passes: Record<TokenizeRequest, () => void> = {
  encode: () => {
    for (const document of documents) tokenizer.encode(document)
  },
  decode: () => {
    for (const ids of encoded) tokenizer.decode(ids)
  },
}
for (const pass of Object.values(passes)) repeat(pass)
await serveRounds({}, async (request) => repeat(passes[request as TokenizeRequest]))

function repeat(pass: () => void): { work: number; seconds: number } {
  const start = performance.now()
  for (let work = bytes; ; work += bytes) {
    pass()
    const seconds = (performance.now() - start) / 1000
    if (seconds >= ROUND_SECONDS) return { work, seconds }
  }
}
