// Makes tokenizer.json and tokenizer_config.json of the embedded model.
// Usage: LLFT_SHARED=DIR node demo/dist/pretrain/train-tokenizer.js [OUT]     (OUT: demo/model)
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { trainBpe } from './bpe-trainer.js'
import { corpusFolder, type Document, readCorpus } from './corpus.js'
import { SPECIAL_TOKENS, writeTokenizer } from './tokenizer-files.js'

const VOCABULARY = 2048
const CONTEXT = 512

function* texts(documents: Document[]): Generator<string> {
  for (const document of documents) {
    if (document.kind === 'text') yield document.text
    else for (const message of document.messages) yield message.content
  }
}

const out = process.argv[2] ?? fileURLToPath(new URL('../../model', import.meta.url))
const documents = readCorpus(corpusFolder())
const vocabulary = trainBpe(texts(documents), VOCABULARY, SPECIAL_TOKENS)
mkdirSync(out, { recursive: true })
writeTokenizer(out, vocabulary, CONTEXT)
console.log(
  `${vocabulary.ids.size} tokens, ${vocabulary.merges.length} merges from ${documents.length} documents -> ${out}`,
)
