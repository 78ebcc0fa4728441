import { FormatError } from '@llft/errors'
import { copy, safetensorsDtype, scope, Tensor } from '@llft/runtime'
import type { SafetensorsFile } from '@llft/safetensors'

/**
 * Copies the tensor of that name from a file into `target`, bit by bit.
 *
 * @throws FormatError naming it, where it is missing, of another type or of another shape.
 */
export async function copyFromFile(
  file: SafetensorsFile,
  name: string,
  target: Tensor,
): Promise<void> {
  const stored = file.tensors.get(name)
  const wanted = `${safetensorsDtype(target.dtype)} [${target.shape.join(', ')}]`
  const got = stored === undefined ? 'nothing' : `${stored.dtype} [${stored.shape.join(', ')}]`
  if (got !== wanted) {
    throw new FormatError(`${file.path}: tensor "${name}" must be ${wanted}; got ${got}.`)
  }
  const bytes = await file.read(name)
  scope(() => copy(Tensor.fromBytes(bytes, target.dtype, target.shape), target))
}
