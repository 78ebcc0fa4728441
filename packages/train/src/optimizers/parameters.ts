import { Linear, type Module, type Tensor } from '@llft/runtime'
import { type ModuleSelection, selectModules } from './select-modules.js'

/** A tensor that trains: a float32 leaf with `requiresGrad`, and its full path in the model. */
export interface Parameter {
  readonly name: string
  readonly tensor: Tensor
}

/** Parameters that share their hyper-parameters. */
export interface ParameterGroup {
  readonly parameters: readonly Parameter[]
  /** Multiplied into the learning rate of the run. Default 1. */
  readonly lrMultiplier?: number | undefined
  /** Default: the optimiser's. */
  readonly weightDecay?: number | undefined
}

/** Every parameter of `model` that requires a gradient, in the order of the model. */
export function trainableParameters(model: Module): Parameter[] {
  return [...model.parameters()]
    .filter(([, tensor]) => tensor.requiresGrad)
    .map(([name, tensor]) => ({ name, tensor }))
}

/** Number of elements of parameters. */
export function elementCount(parameters: Iterable<Parameter>): number {
  let count = 0
  for (const { tensor } of parameters) count += tensor.size
  return count
}

/** Number of elements of every parameter of `model`, trainable or not; a quantised matrix counts as the floats it stands for. */
export function parameterCount(model: Module): number {
  const seen = new Set<Tensor>()
  let count = 0
  for (const [, module] of model.modules()) {
    const coded = module instanceof Linear && module.weight.dense === undefined
    if (coded) count += module.outFeatures * module.inFeatures + (module.bias?.size ?? 0)
    for (const [, tensor] of coded ? [] : module.ownParameters()) {
      if (!seen.has(tensor)) count += tensor.size
      seen.add(tensor)
    }
  }
  return count
}

/**
 * Makes every parameter of `model` trainable, as a float32 master of its own memory, whatever type the checkpoint
 * has: full-parameter training. The model keeps its compute type; masters are cast for each use.
 *
 * @param selection the modules whose parameters train; those of others are frozen and stay as they are stored. Default: all.
 * @throws ConfigError for names that no module has, with those there are; nothing has changed then.
 */
export function trainAllParameters(model: Module, selection: ModuleSelection = {}): Parameter[] {
  const selected = selectModules(model, selection, 'trainAllParameters')
  freeze(model)
  for (const module of selected) module.setTrainable(true)
  return trainableParameters(model)
}

/** Makes no parameter of `model` trainable. */
export function freeze(model: Module): void {
  for (const [, module] of model.modules()) module.setTrainable(false)
}

/** Divides parameters into groups; weight decay is that of the run. */
export type GroupsOf = (parameters: readonly Parameter[], weightDecay: number) => ParameterGroup[]

/** Biases and norms, by the names that transformers' Trainer leaves without weight decay (`trainer.py`). */
const NO_DECAY = /bias|layernorm|rmsnorm|(?:^|\.)norm(?:$|\.)|_norm(?:$|\.)/i

/** Two groups: matrices with `weightDecay`, biases and norms with none. Empty groups are left out. */
export function decayGroups(
  parameters: readonly Parameter[],
  weightDecay: number,
): ParameterGroup[] {
  const groups = [
    { parameters: parameters.filter(({ name }) => !NO_DECAY.test(name)), weightDecay },
    { parameters: parameters.filter(({ name }) => NO_DECAY.test(name)), weightDecay: 0 },
  ]
  return groups.filter((group) => group.parameters.length > 0)
}
