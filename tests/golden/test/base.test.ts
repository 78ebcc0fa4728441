import { fileURLToPath } from 'node:url'
import { memoryStats } from '@llft/runtime'
import { expect, test } from 'vitest'
import { readCase } from '../src/cases.js'
import { holds } from '../src/report.js'
import { BASES, type Base, runBaseCase } from '../src/run-base.js'

const MODELS = fileURLToPath(new URL('../models', import.meta.url))

test.each(Object.keys(BASES) as Base[])(
  'a base in %s gives the results of its own floats',
  async (base) => {
    const golden = await readCase(MODELS, 'llama3-gqa-rope')
    const { handles } = memoryStats()
    for (const dtype of ['float32', 'bfloat16'] as const) {
      const findings = await runBaseCase(golden, dtype, base)
      expect(findings.map(({ quantity }) => quantity)).toEqual([
        'logits',
        'loss',
        'lora_grad',
        'train_losses',
      ])
      expect(findings.filter((finding) => !holds(finding))).toEqual([])
    }
    expect(memoryStats().handles).toBe(handles)
  },
)
