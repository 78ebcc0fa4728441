import { expect, test } from 'vitest'
import { type TrainCase, type TrainRuns, trainResults } from '../src/train-results.js'
import { LORA } from '../src/train-setting.js'

const one: TrainCase = { bench: 'train', name: 'LoRA', setting: LORA, peer: 'PEFT', like: true }
const peak = { float32: 2e11, bfloat16: 4e11, bandwidth: 1e10 }
const measured = (speed: number) => ({ speed, peakResident: 1e9 })

/** Names and ratios of the rows that compare speeds. */
function speeds(dtype: 'float32' | 'bfloat16', of: Omit<TrainRuns, 'peak'>) {
  const rows = trainResults(one, dtype, { ...of, peak }).filter(({ metric }) => metric === 'speed')
  return rows.map(({ case: name, baseline, ratio, unit }) => [name, baseline?.name, ratio ?? unit])
}

test('both types of ours are beside the fastest of the peer, and float32 beside float32', () => {
  const runs = {
    'ours bfloat16': measured(600),
    'ours float32': measured(300),
    'peer bfloat16': measured(200),
    'peer float32': measured(100),
  }
  expect(speeds('bfloat16', { runs, fastest: 'bfloat16' })).toEqual([
    ['SmolLM2-135M bf16 LoRA', 'PEFT bfloat16', 3],
  ])
  expect(speeds('float32', { runs, fastest: 'bfloat16' })).toEqual([
    ['SmolLM2-135M f32 LoRA', 'PEFT bfloat16', 1.5],
    ['SmolLM2-135M f32 LoRA', 'PEFT float32', 3],
  ])
})

test('a peer that is fastest in float32 is told once', () => {
  const runs = {
    'ours bfloat16': measured(250),
    'ours float32': measured(300),
    'peer float32': measured(100),
  }
  expect(speeds('bfloat16', { runs, fastest: 'float32' })).toEqual([
    ['SmolLM2-135M bf16 LoRA', 'PEFT float32', 2.5],
  ])
  expect(speeds('float32', { runs, fastest: 'float32' })).toEqual([
    ['SmolLM2-135M f32 LoRA', 'PEFT float32', 3],
  ])
})

test('ours alone is beside its limit, and beside a base in floats where it is another', () => {
  const runs = { 'ours float32': measured(300), 'floats float32': measured(400) }
  expect(speeds('float32', { runs, fastest: undefined })).toEqual([
    ['SmolLM2-135M f32 LoRA', undefined, 'tokens/s'],
    ['SmolLM2-135M f32 LoRA', undefined, 'x of our f32 base'],
  ])
})
