import { join } from 'node:path'
import { SafetensorsFile } from '@llft/safetensors'
import { type Adaptation, copyFromFile } from '@llft/train'
import { adapterFiles, prepareAdapterFolder, WEIGHTS_FILE, writeAdapter } from './adapter-output.js'
import { adapterTensors } from './adapter-tensors.js'
import { attachmentOf, findAttachment } from './attachment.js'
import { type LoraOptions, loraConfig } from './config.js'
import { warnOfIdlePatterns } from './idle-patterns.js'
import { injectLora, removeLora } from './inject.js'
import { loraPlusGroups } from './lora-plus.js'

/**
 * Training with adapters (Hu et al. 2021), for `fineTune`: the result is a folder that PEFT loads.
 *
 * @param loraPlusRatio how many times as fast the matrices B learn. Default 1
 * @throws ConfigError for options out of range or misspelt.
 */
export function loraAdaptation(
  options: LoraOptions = {},
  { loraPlusRatio }: { readonly loraPlusRatio?: number | undefined } = {},
): Adaptation {
  const config = loraConfig(options)
  return {
    method: 'lora',
    result: 'adapter',
    settings: { ...config, loraPlusRatio },
    ...(loraPlusRatio !== undefined && {
      groupsOf: (parameters, weightDecay) => loraPlusGroups(parameters, weightDecay, loraPlusRatio),
    }),
    describe(model) {
      const { layers } = attachmentOf(model, 'loraAdaptation')
      const kind = config.useDora ? 'DoRA' : 'LoRA'
      return `${kind} of rank ${config.r} on ${layers.size} layers`
    },
    isAttached: (model) => findAttachment(model) !== undefined,
    attach(model, warnings) {
      if (warnings !== undefined) warnOfIdlePatterns(warnings, model, config)
      injectLora(model, config)
    },
    detach: removeLora,
    prepareOutput: prepareAdapterFolder,
    save: writeAdapter,
    checkpointFiles: async (model, facts) => adapterFiles(model, facts),
    async restore(model, folder) {
      const file = await SafetensorsFile.open(join(folder, WEIGHTS_FILE))
      const tensors = adapterTensors(model, attachmentOf(model, 'loraAdaptation'))
      for (const [name, tensor] of tensors) await copyFromFile(file, name, tensor)
    },
  }
}
