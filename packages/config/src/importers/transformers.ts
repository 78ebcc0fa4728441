import type { ImportTable } from './apply-table.js'
import { carry, drop, type Given, type ImportRule, isGiven, isTrue } from './import-rules.js'
import { optimizer, schedule } from './optimizer-and-schedule.js'
import {
  bfloat16,
  load4bit,
  load8bit,
  quantizationType,
  targets,
  WHY,
  without,
} from './shared-rules.js'
import { TRAINING_ARGUMENTS } from './training-arguments.js'

const method: ImportRule = (value) => ({
  to: 'method',
  as: isTrue(value) ? 'lora' : 'full',
  why: 'is named',
})

const dtype: ImportRule = (value, all) => {
  if (isTrue(all.bf16)) return { why: 'bf16 says it' }
  const name = String(value)
  return ['float32', 'bfloat16', 'auto'].includes(name)
    ? { to: 'model.dtype', as: name }
    : { why: `there is no type ${name}` }
}

/** Whole conversations are learnt there, unless this is set. */
const assistantOnly: ImportRule = (value, all) => {
  if (isTrue(value))
    return { to: 'data.learn', as: 'all-assistant', why: 'is a value of data.learn' }
  if (isGiven(all.completion_only_loss)) return { why: 'completion_only_loss says it' }
  const why = 'conversations are learnt whole there; leave it out for rows of prompt and completion'
  return { to: 'data.learn', as: 'all', why }
}

const completionOnly: ImportRule = (value) =>
  isTrue(value)
    ? { why: 'only completions are learnt anyway' }
    : { to: 'data.learn', as: 'all', why: 'is a value of data.learn' }

/** Keys of TRL's SFTConfig and ModelConfig, which have defaults of their own. */
const TRL_KEYS = [
  'max_length',
  'max_seq_length',
  'packing',
  'packing_strategy',
  'padding_free',
  'eval_packing',
  'truncation_mode',
  'dataset_text_field',
  'dataset_name',
  'completion_only_loss',
  'assistant_only_loss',
  'loss_type',
  'chat_template_path',
  'use_peft',
  'lora_r',
]

/** TrainingArguments of transformers 5 (and what tutorials of 4 have), SFTConfig and ModelConfig of TRL 1. */
export function transformersTable(given: Given): ImportTable {
  const isTrl = TRL_KEYS.some((key) => key in given)
  return {
    rules: {
      ...TRAINING_ARGUMENTS,
      optim: optimizer,
      lr_scheduler_type: schedule,
      model_name_or_path: carry('model.path'),
      model_revision: drop(WHY.folders),
      torch_dtype: dtype,
      dtype,
      bf16: bfloat16,
      attn_implementation: drop(WHY.kernels),
      trust_remote_code: drop(WHY.noCode),
      dataset_name: carry('data.train'),
      ...without('name files in data.train', 'dataset_config', 'dataset_train_split'),
      dataset_test_split: drop('name a file or a share in data.eval'),
      dataset_text_field: (value) =>
        value === 'text'
          ? { why: "is 'text' here, too" }
          : { to: 'data.columns', as: { text: value }, why: 'is part of data.columns' },
      max_seq_length: carry('data.max_length'),
      max_length: carry('data.max_length'),
      packing: carry('data.packing'),
      packing_strategy: drop('packs are filled best fit first, as bfd does'),
      padding_free: drop(WHY.padding),
      pad_to_multiple_of: drop(WHY.padding),
      eval_packing: drop(WHY.packedEval),
      shuffle_dataset: drop('rows come in a new random order each epoch, there as well'),
      completion_only_loss: completionOnly,
      assistant_only_loss: assistantOnly,
      truncation_mode: drop('the start of a row is kept'),
      loss_type: drop('the loss is the cross entropy, computed in chunks'),
      ...without('the template of the tokenizer says it', 'eos_token', 'pad_token'),
      chat_template_path: drop('put the template into the folder of the model'),
      use_peft: method,
      lora_r: carry('lora.r'),
      lora_alpha: carry('lora.alpha'),
      lora_dropout: carry('lora.dropout'),
      lora_target_modules: targets,
      ...without('is CAUSAL_LM', 'lora_task_type', 'task_type'),
      lora_modules_to_save: carry('lora.modules_to_save'),
      layers_to_transform: drop(
        'all layers are adapted; layersToTransform of the library takes some',
      ),
      use_rslora: carry('lora.rslora'),
      use_dora: carry('lora.dora'),
      load_in_8bit: load8bit,
      load_in_4bit: load4bit,
      bnb_4bit_quant_type: quantizationType,
      use_bnb_nested_quant: drop('scales are quantised anyway with nf4'),
      'no method': drop(
        'TrainingArguments name none: LoRA is taken, whose rate is mostly higher; method: full trains every parameter',
      ),
    },
    defaults: isTrl ? trlDefaults(given) : argumentDefaults(given),
  }
}

/** None where a share of the run is given. */
function noWarmup(given: Given): Given {
  return isGiven(given.warmup_ratio) ? {} : { warmup_steps: 0 }
}

function argumentDefaults(given: Given): Given {
  return {
    learning_rate: 5e-5,
    per_device_train_batch_size: 8,
    num_train_epochs: 3,
    'no method': 'lora',
    ...noWarmup(given),
  }
}

function trlDefaults(given: Given): Given {
  const isEndless = 'max_length' in given || isGiven(given.max_seq_length)
  return {
    learning_rate: 2e-5,
    per_device_train_batch_size: 8,
    ...(!isEndless && { max_length: 1024 }),
    ...(!isGiven(given.completion_only_loss) && { assistant_only_loss: false }),
    ...noWarmup(given),
    ...loraDefaults(given),
  }
}

function loraDefaults(given: Given): Given {
  if (!isTrue(given.use_peft)) return { use_peft: false }
  // PEFT's targets for Llama, Mistral and Qwen.
  const lora_target_modules = ['q_proj', 'v_proj']
  return { lora_r: 16, lora_alpha: 32, lora_dropout: 0.05, lora_target_modules }
}
