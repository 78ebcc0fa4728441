import { basename } from 'node:path'
import { FormatError } from '@llft/errors'
import type { DType } from '@llft/native'
import type { Checkpoint, CheckpointTensor } from '@llft/safetensors'
import { dtypeOfFile, safetensorsDtype } from './file-dtypes.js'

/** A tensor of a file and its element type. */
export interface FoundTensor {
  readonly stored: CheckpointTensor
  readonly dtype: DType
}

/** @throws FormatError naming file and tensor if it is missing, of another shape or of no type that is allowed */
export function findTensor(
  checkpoint: Checkpoint,
  name: string,
  shape: readonly number[],
  dtypes: readonly DType[],
): FoundTensor {
  const stored = checkpoint.tensors.get(name)
  if (stored === undefined) {
    const files = checkpoint.files.map((file) => basename(file.path)).join(', ')
    throw new FormatError(
      `${checkpoint.folder}: tensor "${name}" [${shape.join(', ')}] must exist; got none in ${files}.`,
    )
  }
  if (stored.shape.length !== shape.length || shape.some((size, i) => size !== stored.shape[i])) {
    throw new FormatError(
      `${stored.file.path}: tensor "${name}" must have the shape [${shape.join(', ')}]; ` +
        `got [${stored.shape.join(', ')}].`,
    )
  }
  const dtype = dtypeOfFile(stored.dtype)
  if (dtype === undefined || !dtypes.includes(dtype)) {
    throw new FormatError(
      `${stored.file.path}: tensor "${name}" must be ${inWords(dtypes.map(safetensorsDtype))}; got ${stored.dtype}.`,
    )
  }
  return { stored, dtype }
}

/** 'F32', 'F32 or BF16', 'F32, BF16 or F16'. */
function inWords(names: readonly string[]): string {
  const last = names.at(-1) ?? ''
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} or ${last}`
}
