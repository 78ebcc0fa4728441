import { ConfigError } from '@llft/errors'
import { Embedding, type LanguageModel, Linear, type Module } from '@llft/runtime'
import { elementCount, freeze, parameterCount, trainableParameters } from '@llft/train'
import { adapterSize } from './adapter-size.js'
import { AdapterInitialiser } from './adapter-weights.js'
import { type Attachment, attach, attachmentOf, detach, findAttachment } from './attachment.js'
import { type LoraConfig, type LoraOptions, loraConfig } from './config.js'
import { LoraLinear } from './lora-linear.js'
import { endsWithName, namesMatch } from './name-pattern.js'
import { originalOf, type SavedModule, trainableCopy } from './saved-module.js'
import { targetPaths } from './target-modules.js'

/**
 * Puts adapters into `model`, in place: each targeted linear layer becomes a LoraLinear around it. Everything else is
 * frozen, but for what `bias` and `modulesToSave` name.
 *
 * @returns the model and the full configuration
 * @throws ConfigError for options out of range or misspelt, targets that match nothing, and a model that has an adapter
 *   already. The model is as it was then.
 */
export function injectLora(model: LanguageModel, options: LoraOptions = {}): LoraConfig {
  if (findAttachment(model) !== undefined) {
    throw new ConfigError(
      'injectLora: the model must have no adapter; got one. Call removeLora first.',
    )
  }
  const config = loraConfig(options)
  rejectEmbeddingTargets(model, config)
  const targets = targetPaths(model, config)
  const wholes = pathsToSave(model, config)
  freeze(model)
  const layers = new Map<string, LoraLinear>()
  const savedModules = new Map<string, SavedModule>()
  attach(model, { config, layers, savedModules })
  try {
    const initialiser = new AdapterInitialiser(config.initLoraWeights, config.seed)
    for (const path of targets) layers.set(path, adaptLayer(model, path, config, initialiser))
    for (const path of wholes) savedModules.set(path, saveWhole(model, path))
    trainBiases(model, { config, layers, savedModules })
  } catch (error) {
    removeLora(model)
    throw error
  }
  return config
}

/** Takes the adapter out of `model` and frees it: the model is the base model again, frozen. */
export function removeLora(model: LanguageModel): void {
  const { layers, savedModules } = attachmentOf(model, 'removeLora')
  for (const [path, layer] of layers) {
    if (layer.merged) layer.unmerge()
    model.replaceChild(path, layer.base)
    for (const [, tensor] of layer.adapterTensors()) tensor.dispose()
  }
  for (const [path, saved] of savedModules) {
    model.replaceChild(path, originalOf(saved))
    for (const [, tensor] of saved.ownParameters()) tensor.dispose()
  }
  detach(model)
  freeze(model)
}

/** Elements that train, of all there are. */
export interface TrainableCount {
  readonly trainable: number
  /** Adapters included. */
  readonly total: number
  /** trainable / total. */
  readonly share: number
}

/** Counts the trainable parameters of a model, as PEFT's `print_trainable_parameters` does. */
export function countTrainable(model: LanguageModel): TrainableCount {
  const trainable = elementCount(trainableParameters(model))
  const total = parameterCount(model)
  return { trainable, total, share: trainable / total }
}

/** `trainable params: 921,600 || all params: 135,436,608 || trainable%: 0.6805` */
export function describeTrainable(model: LanguageModel): string {
  const { trainable, total, share } = countTrainable(model)
  const grouped = (count: number) => count.toLocaleString('en-US')
  return `trainable params: ${grouped(trainable)} || all params: ${grouped(total)} || trainable%: ${(100 * share).toFixed(4)}`
}

function adaptLayer(
  model: LanguageModel,
  path: string,
  config: LoraConfig,
  initialiser: AdapterInitialiser,
): LoraLinear {
  const base = model.getModule(path) as Linear
  const size = adapterSize(path, config)
  const matrices = initialiser.draw(base.outFeatures, base.inFeatures, size.r)
  const { dropout, useDora } = config
  const layer = new LoraLinear(base, { size, matrices, dropout, useDora })
  model.replaceChild(path, layer)
  return layer
}

function saveWhole(model: LanguageModel, path: string): SavedModule {
  const saved = trainableCopy(model.getModule(path), path)
  model.replaceChild(path, saved)
  return saved
}

/** Paths that `modulesToSave` names. @throws ConfigError for a name that matches nothing. */
function pathsToSave(model: LanguageModel, { modulesToSave }: LoraConfig): string[] {
  const modules = [...model.modules()].filter(([path]) => path !== '')
  return modulesToSave.flatMap((name) => {
    const paths = modules.map(([path]) => path).filter((path) => endsWithName(path, name))
    if (paths.length === 0) {
      const known = new Set(
        modules.filter(isLeaf).map(([path]) => path.slice(path.lastIndexOf('.') + 1)),
      )
      throw new ConfigError(
        `lora.modulesToSave: each name must match a module; got '${name}'. Modules with weights: ${[...known].join(', ')}.`,
      )
    }
    return paths
  })
}

function isLeaf([, module]: readonly [string, Module]): boolean {
  return [...module.ownParameters()].length > 0
}

function trainBiases(model: LanguageModel, { config, layers }: Attachment): void {
  if (config.bias === 'lora_only') {
    for (const layer of layers.values()) layer.base.setBiasTrainable(true)
  }
  if (config.bias === 'all') {
    for (const [, module] of model.modules()) {
      if (module instanceof Linear) module.setBiasTrainable(true)
    }
  }
}

function rejectEmbeddingTargets(model: LanguageModel, { targetModules }: LoraConfig): void {
  if (targetModules === undefined) return
  for (const [path, module] of model.modules()) {
    if (!(module instanceof Embedding) || !namesMatch('targetModules', targetModules, path))
      continue
    throw new ConfigError(
      `lora.targetModules: must match linear layers; got the embedding '${path}'. Train it whole: modulesToSave: ['${path.slice(path.lastIndexOf('.') + 1)}'].`,
    )
  }
}
