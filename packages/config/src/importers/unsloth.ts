import { carry, drop, type Given, type ImportTable } from './import-rules.js'
import { transformersTable } from './transformers.js'

/** The arguments of Unsloth's FastLanguageModel and of the SFTTrainer beside it, as one object. */
export function unslothTable(given: Given): ImportTable {
  const { rules } = transformersTable(given)
  return {
    rules: {
      ...rules,
      model_name: carry('model.path'),
      r: carry('lora.r'),
      target_modules: carry('lora.targets'),
      use_gradient_checkpointing: (value) =>
        value === 'unsloth' || value === true
          ? {
              to: 'training.gradient_checkpointing',
              as: true,
              ...(value === 'unsloth' && { why: 'is on or off here' }),
            }
          : { to: 'training.gradient_checkpointing', as: false, why: 'is on or off here' },
      random_state: carry('training.seed'),
      bias: carry('lora.bias'),
      loftq_config: drop('is no start of this version'),
      finetune_vision_layers: drop('these models read text'),
      token: drop('nothing is downloaded'),
      full_finetuning: (value) => ({
        to: 'method',
        as: value === true ? 'full' : 'lora',
        why: 'is named',
      }),
      dataset: carry('data.train'),
    },
    defaults: {
      random_state: 3407,
      r: 16,
      lora_alpha: 16,
      max_seq_length: 2048,
      learning_rate: 5e-5,
      per_device_train_batch_size: 8,
    },
  }
}
