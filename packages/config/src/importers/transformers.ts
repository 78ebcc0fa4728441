import {
  bfloat16,
  load4bit,
  load8bit,
  quantizationType,
  TRAINING_ARGUMENTS,
  targets,
  WHY,
} from './common.js'
import { carry, drop, type Given, type ImportRule, type ImportTable } from './import-rules.js'
import { optimizer, schedule } from './names.js'

const method: ImportRule = (value) =>
  value === true || value === 'true'
    ? { to: 'method', as: 'lora', why: 'is named' }
    : { to: 'method', as: 'full', why: 'is named' }

const dtype: ImportRule = (value) => {
  const name = String(value)
  return ['float32', 'bfloat16', 'auto'].includes(name)
    ? { to: 'model.dtype', as: name }
    : { why: `there is no type ${name}` }
}

/** TrainingArguments of transformers 5 (and what tutorials of 4 have), SFTConfig and ModelConfig of TRL 1. */
export function transformersTable(given: Given): ImportTable {
  // SFTConfig has defaults of its own.
  const isTrl = [
    'max_length',
    'max_seq_length',
    'packing',
    'dataset_text_field',
    'use_peft',
    'dataset_name',
    'assistant_only_loss',
  ].some((key) => key in given)
  return {
    rules: {
      ...TRAINING_ARGUMENTS,
      optim: optimizer,
      lr_scheduler_type: schedule,
      model_name_or_path: carry('model.path'),
      model_revision: drop('models are folders'),
      torch_dtype: dtype,
      dtype,
      bf16: bfloat16,
      attn_implementation: drop(WHY.kernels),
      trust_remote_code: drop('no code of a model is ever run'),
      dataset_name: carry('data.train'),
      dataset_config: drop('name files in data.train'),
      dataset_train_split: drop('name files in data.train'),
      dataset_test_split: drop('name a file or a share in data.eval'),
      dataset_text_field: (value) =>
        value === 'text'
          ? { why: "is 'text' here, too" }
          : { to: 'data.columns', as: { text: value }, why: 'is part of data.columns' },
      max_length: carry('data.max_length'),
      max_seq_length: carry('data.max_length'),
      packing: carry('data.packing'),
      packing_strategy: drop('packs are filled best fit first, as bfd does'),
      padding_free: drop('there is never padding'),
      eval_packing: drop('held-out rows are not packed, which changes nothing but speed'),
      shuffle_dataset: carry('data.shuffle'),
      completion_only_loss: drop('only answers are learnt (data.learn)'),
      assistant_only_loss: (value) =>
        value === true || value === 'true'
          ? { to: 'data.learn', as: 'all-assistant', why: 'is the rule here' }
          : { why: 'only answers are learnt anyway' },
      truncation_mode: drop('the start of a row is kept'),
      loss_type: drop('the loss is the cross entropy, computed in chunks'),
      eos_token: drop('the template of the tokenizer says it'),
      chat_template_path: drop('put the template into the folder of the model'),
      use_peft: method,
      lora_r: carry('lora.r'),
      lora_alpha: carry('lora.alpha'),
      lora_dropout: carry('lora.dropout'),
      lora_target_modules: targets,
      lora_task_type: drop('is CAUSAL_LM'),
      lora_modules_to_save: carry('lora.modules_to_save'),
      use_rslora: carry('lora.rslora'),
      use_dora: carry('lora.dora'),
      load_in_4bit: load4bit,
      load_in_8bit: load8bit,
      bnb_4bit_quant_type: quantizationType,
      use_bnb_nested_quant: drop('scales are quantised anyway with nf4'),
    },
    defaults: isTrl
      ? {
          learning_rate: 2e-5,
          max_length: given.max_seq_length === undefined ? 1024 : undefined,
          per_device_train_batch_size: 8,
          warmup_steps: 0,
          ...loraDefaults(given),
        }
      : {
          learning_rate: 5e-5,
          per_device_train_batch_size: 8,
          num_train_epochs: 3,
          warmup_steps: given.warmup_ratio === undefined ? 0 : undefined,
        },
  }
}

function loraDefaults(given: Given): Given {
  if (given.use_peft !== true && given.use_peft !== 'true') return { use_peft: false }
  return { lora_r: 16, lora_alpha: 32, lora_dropout: 0.05 }
}
