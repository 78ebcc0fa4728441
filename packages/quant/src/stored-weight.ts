import { FormatError } from '@llft/errors'
import {
  NESTED_BLOCK,
  type QuantizedMatrix,
  type StoredLinear,
  scale,
  Tensor,
  view,
} from '@llft/runtime'
import type { QuantState } from './quant-state.js'
import { QuantizedWeight } from './quantized-weight.js'

/** Largest int8 code, to which the largest magnitude of a row is mapped. */
export const INT8_RANGE = 127

/** The 4-bit weight of a bitsandbytes checkpoint. @throws FormatError naming file and tensor. */
export function storedFourBit(stored: StoredLinear, state: QuantState): QuantizedWeight {
  const { shape, path } = stored
  if (state.shape[0] !== shape[0] || state.shape[1] !== shape[1]) {
    throw new FormatError(
      `${path}.weight: the quantised shape must be [${shape.join(', ')}]; got [${state.shape.join(', ')}].`,
    )
  }
  for (const name of [
    'quant_map',
    'nested_quant_map',
    `quant_state.bitsandbytes__${state.format}`,
  ]) {
    stored.skip(`weight.${name}`)
  }
  const count = shape[0] * shape[1]
  const blocks = Math.ceil(count / state.block)
  const packed = stored.tensor('weight', [Math.ceil(count / 2), 1], ['uint8'])
  const matrix = {
    format: state.format,
    rows: shape[0],
    columns: shape[1],
    block: state.block,
    codes: view(packed, [packed.size]),
  }
  if (state.absmax !== undefined) {
    for (const name of ['absmax', 'nested_absmax']) stored.skip(`weight.${name}`)
    const absmax = Tensor.from(state.absmax)
    stored.requireFinite('weight.absmax', absmax)
    return new QuantizedWeight({ ...matrix, absmax })
  }
  if (state.offset === undefined) {
    const absmax = stored.tensor('weight.absmax', [blocks], ['float32'])
    stored.requireFinite('weight.absmax', absmax)
    return new QuantizedWeight({ ...matrix, absmax })
  }
  return new QuantizedWeight({ ...matrix, ...nestedScales(stored, state, blocks) })
}

type Scales = Pick<QuantizedMatrix, 'absmax' | 'nestedAbsmax' | 'offset'>

function nestedScales(stored: StoredLinear, state: QuantState, blocks: number): Scales {
  const nestedBlocks = Math.ceil(blocks / NESTED_BLOCK)
  const absmax = stored.tensor('weight.absmax', [blocks], ['uint8'])
  const nestedAbsmax = stored.tensor('weight.nested_absmax', [nestedBlocks], ['float32'])
  stored.requireFinite('weight.nested_absmax', nestedAbsmax)
  return { absmax, nestedAbsmax, offset: Tensor.from([state.offset as number]) }
}

/** The int8 weight of a bitsandbytes checkpoint; SCB is the largest magnitude of each row. */
export function storedInt8(stored: StoredLinear): QuantizedWeight {
  const [rows, columns] = stored.shape
  stored.skip('weight_format')
  const codes = stored.tensor('weight', stored.shape, ['int8'])
  const largest = stored.tensor('SCB', [rows], ['float32'])
  stored.requireFinite('SCB', largest)
  const absmax = scale(largest, 1 / INT8_RANGE)
  return new QuantizedWeight({ format: 'int8', rows, columns, block: 1, codes, absmax })
}
