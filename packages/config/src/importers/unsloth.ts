import type { ImportTable } from './apply-table.js'
import { carry, drop, type Given, isGiven, isTrue } from './import-rules.js'
import { recompute } from './shared-rules.js'
import { transformersTable } from './transformers.js'

/** The arguments of Unsloth's FastLanguageModel and of the SFTTrainer beside it, as one object. */
export function unslothTable(given: Given): ImportTable {
  const { rules } = transformersTable(given)
  const isQuantised = !isTrue(given.load_in_8bit) && !isTrue(given.full_finetuning)
  return {
    rules: {
      ...rules,
      model_name: carry('model.path'),
      r: carry('lora.r'),
      target_modules: carry('lora.targets'),
      modules_to_save: carry('lora.modules_to_save'),
      use_gradient_checkpointing: recompute,
      random_state: carry('training.seed'),
      bias: carry('lora.bias'),
      loftq_config: drop('is no start of this version'),
      finetune_vision_layers: drop('these models read text'),
      token: drop('nothing is downloaded'),
      full_finetuning: (value) => ({
        to: 'method',
        as: isTrue(value) ? 'full' : 'lora',
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
      per_device_train_batch_size: 4,
      gradient_accumulation_steps: 2,
      weight_decay: 0.01,
      optim: 'adamw_8bit',
      ...(!isGiven(given.warmup_steps) && { warmup_ratio: 0.1 }),
      ...(isQuantised && { load_in_4bit: true }),
    },
  }
}
