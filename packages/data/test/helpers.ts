import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Tokenizer } from '@llft/tokenizer'
import { afterAll } from 'vitest'
import type { Example } from '../src/index.js'

const folders: string[] = []

/** A file that is gone after the tests of the test file. */
export async function temporaryFile(
  content: string | Uint8Array,
  name = 'train.jsonl',
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'llft-data-'))
  folders.push(folder)
  await writeFile(join(folder, name), content)
  return join(folder, name)
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true })
})

/** The text of the error that `work` ends with, with paths cut to their last part. */
export async function errorText(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    return `${code} ${message.replace(/\S*\/(\S+)/g, (path) => basename(path))}`
  }
  return 'no error'
}

export const CHATML =
  "{% for m in messages %}{{'<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

/** One of the small recorded tokenizers: `byte-level` or `byte-fallback`. */
export function smallTokenizer(name: string, config: Record<string, unknown>): Tokenizer {
  const url = new URL(`../../tokenizer/test/golden/${name}.json`, import.meta.url)
  const file = JSON.parse(readFileSync(url, 'utf8')) as { tokenizer: Record<string, unknown> }
  return Tokenizer.fromJson(file.tokenizer, config)
}

export const chatml = smallTokenizer('byte-level', {
  eos_token: '<|im_end|>',
  chat_template: CHATML,
})

/** An example of a given length whose second half is learnt. */
export function example(length: number, index = 0): Example {
  const ids = Int32Array.from({ length }, (_, i) => 1000 * index + i)
  const labels = ids.map((id, i) => (i < length / 2 ? -100 : id))
  return { ids, labels, source: { index } }
}
