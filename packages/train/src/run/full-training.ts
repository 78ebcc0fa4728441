import { join } from 'node:path'
import { ConfigError } from '@llft/errors'
import {
  configJson,
  type LanguageModel,
  Linear,
  LinearModule,
  modelConfigText,
  prepareModelFolder,
  readCompanions,
  tensorSource,
  writeModel,
} from '@llft/runtime'
import { SafetensorsFile } from '@llft/safetensors'
import { freeze, trainAllParameters, trainableParameters } from '../optimizers/parameters.js'
import type { ModuleSelection } from '../optimizers/select-modules.js'
import type { Adaptation } from './adaptation.js'
import { copyFromFile } from './copy-from-file.js'

const WEIGHTS_FILE = 'model.safetensors'

export interface FullTrainingOptions extends ModuleSelection {
  /** Layers at the end that train, with the final norm and a head of its own; in place of a selection. Default all. */
  readonly lastLayers?: number | undefined
}

/**
 * Trains every parameter, or those that are selected, each as a float32 master; what is saved is the whole model.
 *
 * @throws ConfigError for a selection beside `lastLayers`; when it is put into a model, for names that this does not have.
 */
export function fullTraining(options: FullTrainingOptions = {}): Adaptation {
  const { lastLayers, ...selection } = options
  if (lastLayers !== undefined && Object.keys(selection).length > 0) {
    throw new ConfigError('fullTraining.lastLayers: must be given alone; got a selection, too.')
  }
  return {
    method: 'full',
    result: 'model',
    settings: { lastLayers, only: namesOf(selection.only), except: namesOf(selection.except) },
    describe: (model) =>
      trainableParameters(model).length === [...model.parameters()].length
        ? 'all parameters'
        : 'a part of the parameters',
    isAttached: (model) => trainableParameters(model).length > 0,
    attach(model) {
      rejectWrapped(model)
      trainAllParameters(model, lastLayers === undefined ? selection : lastOf(model, lastLayers))
    },
    detach: freeze,
    prepareOutput: (folder, { where, overwrite, source }) =>
      prepareModelFolder(folder, { where, overwrite, sources: [source] }),
    async save(output, model, { baseModel }, warnings) {
      await writeModel(output, model, {
        tensors: sources(model, model.dtype as 'float32' | 'bfloat16'),
        config: configJson(model.config, model.dtype),
        baseModel: baseModel ?? undefined,
        warnings,
      })
    },
    async checkpointFiles(model, { baseModel }) {
      const base = baseModel ?? model.sourceFolder
      return [
        ...(base === undefined ? [] : await readCompanions(base)),
        { name: WEIGHTS_FILE, content: sources(model) },
        { name: 'config.json', content: modelConfigText(configJson(model.config, 'float32')) },
      ]
    },
    async restore(model, folder) {
      const file = await SafetensorsFile.open(join(folder, WEIGHTS_FILE))
      for (const { name, tensor } of trainableParameters(model)) {
        await copyFromFile(file, name, tensor)
      }
    },
  }
}

/** Every weight, as `dtype` or else as it is in memory. */
function sources(model: LanguageModel, dtype?: 'float32' | 'bfloat16') {
  return [...model.parameters()].map(([name, tensor]) =>
    tensorSource(name, tensor, dtype ?? tensor.dtype),
  )
}

/** Codes have no gradient, and below an adapter a layer has another name. */
function rejectWrapped(model: LanguageModel): void {
  for (const [path, module] of model.modules()) {
    if (module instanceof LinearModule && !(module instanceof Linear)) {
      throw new ConfigError(
        `full training: ${path} must be a plain linear layer; got one with an adapter. Merge it and take it off first.`,
      )
    }
    if (module instanceof Linear && module.weight.dense === undefined) {
      throw new ConfigError(
        `full training: ${path} must be stored as floats; got a quantised weight. Load the model without quantization, or train an adapter.`,
      )
    }
  }
}

/** The last layers, without the embedding and the layers below them. */
function lastOf(model: LanguageModel, count: number): ModuleSelection {
  const { layers } = model.config
  if (count > layers) {
    throw new ConfigError(
      `fullTraining.lastLayers: must be at most the ${layers} layers of the model; got ${count}.`,
    )
  }
  const frozen = Array.from({ length: layers - count }, (_, index) => `layers.${index}`)
  return { except: ['embed_tokens', ...frozen] }
}

function namesOf(names: ModuleSelection['only']): unknown {
  return names instanceof RegExp ? String(names) : names
}
