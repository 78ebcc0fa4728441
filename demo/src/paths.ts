import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const demo = fileURLToPath(new URL('..', import.meta.url))

export const MODEL_FOLDER = join(demo, 'model')
export const DATA_FILE = join(demo, 'finetuning-qa.jsonl')
/** Asked before and after. */
export const QUESTIONS_FILE = join(demo, 'questions.json')
/** Ignored by git. */
export const ADAPTER_FOLDER = join(demo, 'out', 'adapter')
