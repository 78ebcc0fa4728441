import type { FloatType } from './float-type.js'

/** What a training bench trains, and how. */
export interface TrainSetting {
  /** Of the frozen linear layers. */
  base: 'floats' | 'nf4-double'
  /** Of the arithmetic, and of a base in floats. */
  dtype: FloatType
  method: 'lora' | 'full'
  checkpointing: boolean
  /** Rows of a batch. */
  batch: number
  /** Tokens of a row. */
  tokens: number
  rank: number
  alpha: number
  targets: readonly string[]
  learningRate: number
}

export const LORA: TrainSetting = {
  base: 'floats',
  dtype: 'bfloat16',
  method: 'lora',
  checkpointing: false,
  batch: 4,
  tokens: 256,
  rank: 16,
  alpha: 32,
  targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj'],
  learningRate: 5e-4,
}

/** The command line of baselines/peft_train.py for the same training. */
export function peerArguments(folder: string, setting: TrainSetting): string[] {
  return [
    folder,
    ...['--base', setting.base, '--dtype', setting.dtype, '--method', setting.method],
    ...(setting.checkpointing ? ['--checkpointing'] : []),
    ...['--batch', `${setting.batch}`, '--tokens', `${setting.tokens}`],
    ...['--rank', `${setting.rank}`, '--alpha', `${setting.alpha}`],
    ...['--targets', setting.targets.join(), '--learning-rate', `${setting.learningRate}`],
  ]
}
