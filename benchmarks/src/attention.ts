import { measureOps, type NamedOp, PYTORCH } from './measure-ops.js'
import { SMOLLM2_135M, shapeOf } from './model-shape.js'
import type { BenchOptions, Result } from './result.js'

/** Causal attention with SmolLM2-135M's heads, 9 for queries and 3 for keys, in bfloat16. */
export function attention(options: BenchOptions): Promise<Result[]> {
  const settings = [
    [4, 256, 0],
    [1, 1024, 0],
    [1, 4096, 0],
    [1, 4096, 1024],
  ] as const
  const ops = settings.flatMap(([sequences, tokens, window]) =>
    [false, true].map((backward) => caseOf(sequences, tokens, window, backward)),
  )
  return measureOps('attention', ops, options.baseline ? PYTORCH : undefined, options)
}

function caseOf(sequences: number, tokens: number, window: number, backward: boolean): NamedOp {
  const { heads, kvHeads, width } = shapeOf(SMOLLM2_135M)
  const size = `${sequences}x${tokens}${window === 0 ? '' : ` window ${window}`}`
  return {
    name: `bf16 ${size} ${backward ? 'forward + backward' : 'forward'}`,
    op: {
      op: 'attention',
      ...{ sequences, tokens, heads, kvHeads, window, backward },
      width: width / heads,
      dtype: 'bfloat16',
    },
  }
}
