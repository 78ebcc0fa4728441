import { join } from 'node:path'
import { readJsonFile } from '@llft/input'
import { SafetensorsFile } from '@llft/safetensors'
import type { Inspection } from './inspection.js'
import { tensorFacts } from './tensors.js'

/** A PEFT folder. */
export async function inspectAdapter(path: string, lists: boolean): Promise<Inspection> {
  const config = await readJsonFile(join(path, 'adapter_config.json'))
  const file = await SafetensorsFile.open(join(path, 'adapter_model.safetensors'))
  const targets = Array.isArray(config.target_modules)
    ? config.target_modules.join(', ')
    : String(config.target_modules)
  const problems = config.base_model_name_or_path ? [] : ['the base model is not recorded']
  return {
    kind: `${String(config.peft_type)} adapter`,
    path,
    facts: {
      base: String(config.base_model_name_or_path ?? 'not recorded'),
      rank: `${config.r}, alpha ${config.lora_alpha}, dropout ${config.lora_dropout}`,
      targets,
      ...(config.use_dora ? { dora: 'yes' } : {}),
      ...tensorFacts([...file.tensors.values()], lists),
    },
    problems,
  }
}
