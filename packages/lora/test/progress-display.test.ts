import type { StepEvent } from '@llft/train'
import { describe, expect, it } from 'vitest'
import { ProgressDisplay } from '../../train/src/display/progress-display.js'

class Screen {
  text = ''
  readonly columns = 40
  write(text: string): void {
    this.text += text
  }
}

function step(at: number, totalSteps = 300): StepEvent {
  return {
    type: 'step',
    step: at,
    totalSteps,
    epoch: 1,
    loss: 1.23456,
    lr: 2e-4,
    skipped: false,
    gradNorm: 1,
    tokens: 10,
    trainedTokens: 5,
    tokensPerSecond: 532.4,
    secondsLeft: 200,
    bytesInUse: 1,
    peakBytes: 2,
  }
}

describe('ProgressDisplay', () => {
  it('draws one line anew on a terminal, no wider than it, and clears it for others', () => {
    const screen = new Screen()
    const display = new ProgressDisplay(screen, true)
    display.handle(step(1))
    display.handle({ type: 'eval', step: 1, loss: 1.5, totalSteps: 300, tokens: 1, seconds: 1 })
    display.handle(step(12))
    display.close()
    expect(screen.text.split('\r\x1b[2K')).toEqual([
      '',
      'step 1/300  loss 1.235  lr 2.0e-4  532 ',
      'held-out loss 1.500 after 1 steps\n',
      'step 12/300  loss 1.235  lr 2.0e-4  532',
      '',
    ])
  })

  it('writes a line now and then elsewhere, and always the first and the last', () => {
    const screen = new Screen()
    let now = 0
    const display = new ProgressDisplay(screen, false, () => now)
    for (const [at, time] of [
      [1, 0],
      [2, 100],
      [3, 11_000],
      [4, 12_000],
      [300, 13_000],
    ] as const) {
      now = time
      display.handle(step(at))
    }
    const lines = screen.text.trimEnd().split('\n')
    expect(lines.map((line) => line.split('  ')[0])).toEqual([
      'step 1/300',
      'step 3/300',
      'step 300/300',
    ])
    expect(lines[0]).not.toContain('left')
    expect(lines[1]).toMatch(/532 tokens\/s {2}3 min 20 s left$/)
  })
})
