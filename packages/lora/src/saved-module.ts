import { ConfigError } from '@llft/errors'
import {
  cast,
  DenseWeight,
  Embedding,
  keep,
  Linear,
  type Module,
  noGrad,
  RmsNorm,
  type Tensor,
} from '@llft/runtime'

/** What `original_module` is below a trained copy: the weights of the base model, frozen. */
const ORIGINAL = 'original_module'

/** A linear layer trained whole, beside the one of the base model. */
class SavedLinear extends Linear {
  constructor(original: Linear) {
    super(new DenseWeight(original.weight.rows(0, original.outFeatures)), masterCopy(original.bias))
    keep(this.weight.dense)
    this.addChild(ORIGINAL, original)
  }
}

/** A token embedding trained whole; a tied output head keeps the table of the base model. */
class SavedEmbedding extends Embedding {
  constructor(original: Embedding) {
    super(masterCopy(original.weight) as Tensor)
    this.addChild(ORIGINAL, original)
  }
}

/** A norm trained whole. */
class SavedNorm extends RmsNorm {
  constructor(original: RmsNorm) {
    super(masterCopy(original.weight) as Tensor, original.eps)
    this.addChild(ORIGINAL, original)
  }
}

export type SavedModule = SavedLinear | SavedEmbedding | SavedNorm

/**
 * A trainable float32 copy of `module` that takes its place and holds it as the child `original_module`, as
 * `modules_to_save` of PEFT means it.
 *
 * @throws ConfigError for a module that has no weights of its own to copy.
 */
export function trainableCopy(module: Module, path: string): SavedModule {
  const copy = copyOf(module)
  if (copy === undefined) {
    throw new ConfigError(
      `lora.modulesToSave: each name must match an embedding, a norm or a linear layer; got '${path}', a ${module.constructor.name}.`,
    )
  }
  copy.setTrainable(true)
  return copy
}

export function isSavedModule(module: Module): module is SavedModule {
  return (
    module instanceof SavedLinear || module instanceof SavedEmbedding || module instanceof SavedNorm
  )
}

/** What stood in the place of `saved` before. */
export function originalOf(saved: SavedModule): Module {
  return saved.getModule(ORIGINAL)
}

function copyOf(module: Module): SavedModule | undefined {
  if (module instanceof Linear) return new SavedLinear(module)
  if (module instanceof Embedding) return new SavedEmbedding(module)
  if (module instanceof RmsNorm) return new SavedNorm(module)
  return undefined
}

function masterCopy(tensor: Tensor | undefined): Tensor | undefined {
  return tensor && keep(noGrad(() => cast(tensor, 'float32')))
}
