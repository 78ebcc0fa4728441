import { FLOAT_TYPES, type FloatType, SHORT_TYPE } from './float-type.js'
import { measureOps, type NamedOp, pytorch } from './measure-ops.js'
import { SMOLLM2_135M, shapeOf } from './model-shape.js'
import type { BenchOptions, Result } from './result.js'

/** Sequences, tokens of each, and the window. */
const SETTINGS: readonly (readonly [number, number, number])[] = [
  [4, 256, 0],
  [1, 1024, 0],
  [1, 4096, 0],
  [1, 4096, 1024],
]

/** Causal attention with SmolLM2-135M's heads, 9 for queries and 3 for keys. */
export function attention(options: BenchOptions): Promise<Result[]> {
  const ops = FLOAT_TYPES.flatMap((dtype) =>
    SETTINGS.flatMap((setting) =>
      [false, true].map((backward) => caseOf(setting, backward, dtype)),
    ),
  )
  return measureOps('attention', ops, pytorch(options), options)
}

function caseOf(
  [sequences, tokens, window]: (typeof SETTINGS)[number],
  backward: boolean,
  dtype: FloatType,
): NamedOp {
  const { heads, kvHeads, width } = shapeOf(SMOLLM2_135M)
  const size = `${sequences}x${tokens}${window === 0 ? '' : ` window ${window}`}`
  return {
    name: `${SHORT_TYPE[dtype]} ${size} ${backward ? 'forward + backward' : 'forward'}`,
    op: {
      op: 'attention',
      ...{ sequences, tokens, heads, kvHeads, window, backward, dtype },
      width: width / heads,
    },
  }
}
