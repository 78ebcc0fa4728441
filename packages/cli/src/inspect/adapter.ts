import { join } from 'node:path'
import { readJsonFile } from '@llft/input'
import { SafetensorsFile } from '@llft/safetensors'
import type { Inspection } from './inspection.js'
import { tensorFacts } from './tensors.js'

/** A PEFT folder. */
export async function inspectAdapter(path: string, lists: boolean): Promise<Inspection> {
  const config = await readJsonFile(join(path, 'adapter_config.json'))
  const file = await SafetensorsFile.open(join(path, 'adapter_model.safetensors'))
  const targets = describeTargets(config.target_modules)
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

/** The last parts of the names, once each. */
function describeTargets(given: unknown): string {
  if (!Array.isArray(given)) return String(given)
  const names = new Set(given.map((name) => String(name).split('.').at(-1)))
  const all = [...names].join(', ')
  return names.size === given.length ? all : `${all} (${given.length} layers)`
}
