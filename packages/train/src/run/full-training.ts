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
import type { Adaptation } from './adaptation.js'
import { copyFromFile } from './copy-from-file.js'

const WEIGHTS_FILE = 'model.safetensors'

/** Trains every parameter, each as a float32 master; what is saved is the whole model. */
export function fullTraining(): Adaptation {
  return {
    method: 'full',
    result: 'model',
    settings: {},
    describe: () => 'all parameters',
    isAttached: (model) => trainableParameters(model).length > 0,
    attach(model) {
      rejectWrapped(model)
      trainAllParameters(model)
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
