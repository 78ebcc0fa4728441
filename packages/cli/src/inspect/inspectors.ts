import { adapterInspector } from './adapter.js'
import { dataInspector } from './data.js'
import type { Inspector } from './inspection.js'
import { modelInspector } from './model.js'
import { runInspector } from './run.js'
import { safetensorsInspector } from './safetensors-file.js'
import { tokenizerInspector } from './tokenizer.js'

/** Every kind that is known, the first that matches counts: what holds others, such as a run, goes before them. */
export const INSPECTORS: readonly Inspector[] = [
  runInspector,
  adapterInspector,
  modelInspector,
  tokenizerInspector,
  safetensorsInspector,
  dataInspector,
]
