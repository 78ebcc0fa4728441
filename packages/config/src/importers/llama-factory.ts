import type { ImportTable } from './apply-table.js'
import {
  aimed,
  carry,
  drop,
  type Given,
  type ImportRule,
  isGiven,
  isTrue,
  onlyMethods,
} from './import-rules.js'
import { optimizer, schedule } from './optimizer-and-schedule.js'
import {
  bfloat16,
  bits,
  continued,
  evalShare,
  fromScratch,
  namesIn,
  quantizationType,
  WHY,
  without,
} from './shared-rules.js'
import { TRAINING_ARGUMENTS } from './training-arguments.js'

const finetuning: ImportRule = (value) =>
  value === 'freeze'
    ? {
        to: 'method',
        as: 'full',
        why: 'is every parameter of the last layers (training.last_layers)',
      }
    : { to: 'method', as: value }

const frozenLayers: ImportRule = (value, all) => {
  if (all.finetuning_type !== 'freeze') return { why: 'is for freeze' }
  return Number(value) > 0
    ? { to: 'training.last_layers', as: Number(value) }
    : { why: 'the first layers cannot be trained alone; set training.last_layers' }
}

/** Names of its registry, as the files that they usually are. */
const dataset: ImportRule = (value, all) => {
  const folder = String(all.dataset_dir ?? 'data')
  const files = namesIn(value).map((name) => `${folder}/${name}.json`)
  return {
    to: 'data.train',
    as: files.length === 1 ? files[0] : files,
    why: 'names files here, not entries of dataset_info.json: check the path',
  }
}

const targets: ImportRule = (value) => {
  const names = namesIn(value)
  if (names.includes('all')) {
    return { to: 'lora.targets', as: 'all-linear', why: "is called 'all-linear' here" }
  }
  return {
    to: 'lora.targets',
    as: names,
    ...(typeof value === 'string' && { why: 'is a list here' }),
  }
}

const learnsPrompt: ImportRule = (value) =>
  isTrue(value)
    ? { to: 'data.learn', as: 'all', why: 'is a value of data.learn' }
    : { why: 'only answers are learnt anyway' }

const masksHistory: ImportRule = (value) =>
  isTrue(value)
    ? { to: 'data.learn', as: 'last-assistant', why: 'is a value of data.learn' }
    : { why: 'all answers are learnt' }

/** LLaMA-Factory's YAML, or its command line. */
export function llamaFactoryTable(given: Given): ImportTable {
  const rank = Number(given.lora_rank ?? 8)
  const method = String(given.finetuning_type ?? 'lora')
  return {
    rules: {
      ...TRAINING_ARGUMENTS,
      model_name_or_path: carry('model.path'),
      ...without(WHY.folders, 'model_revision', 'cache_dir'),
      trust_remote_code: drop(WHY.noCode),
      stage: onlyMethods('stage', ['sft', 'pt'], drop('the form of the rows says what is learnt')),
      finetuning_type: onlyMethods('finetuning_type', ['lora', 'full', 'freeze'], finetuning),
      freeze_trainable_layers: frozenLayers,
      freeze_trainable_modules: drop('whole layers are trained'),
      train_from_scratch: fromScratch,
      adapter_name_or_path: continued,
      create_new_adapter: drop(
        'an adapter that a run continues from goes on; merge it first for a new one',
      ),
      lora_rank: carry('lora.r'),
      lora_alpha: carry('lora.alpha'),
      lora_dropout: carry('lora.dropout'),
      lora_target: targets,
      additional_target: (value) => ({
        to: 'lora.modules_to_save',
        as: namesIn(value),
        why: 'is a list here',
      }),
      use_rslora: carry('lora.rslora'),
      use_dora: carry('lora.dora'),
      loraplus_lr_ratio: carry('lora.plus_ratio'),
      ...without(WHY.start, 'pissa_init', 'pissa_iter', 'pissa_convert'),
      quantization_bit: bits,
      quantization_method: drop('is bitsandbytes'),
      quantization_type: quantizationType,
      double_quantization: drop('scales are quantised anyway with nf4'),
      pure_bf16: bfloat16,
      bf16: bfloat16,
      dataset,
      dataset_dir: drop('is part of data.train'),
      tokenized_path: drop('nothing is kept between runs'),
      val_size: evalShare,
      eval_dataset: aimed(dataset, 'data.eval'),
      template: drop('the template of the tokenizer is used'),
      ...without('the model is taken as it is', 'resize_vocab', 'rope_scaling', 'shift_attn'),
      cutoff_len: carry('data.max_length'),
      max_samples: drop('cut the file'),
      train_on_prompt: learnsPrompt,
      mask_history: masksHistory,
      packing: carry('data.packing'),
      neat_packing: (value) =>
        isTrue(value) ? { to: 'data.packing', as: true } : { why: 'packing says it' },
      overwrite_cache: drop('nothing is kept between runs'),
      streaming: drop('rows are read before the first step'),
      ...without(
        'files follow each other, and rows are shuffled',
        'mix_strategy',
        'interleave_probs',
      ),
      disable_shuffling: (value) =>
        isTrue(value)
          ? { to: 'data.shuffle', as: false, why: 'is on or off here' }
          : { why: 'is off' },
      disable_gradient_checkpointing: (value) =>
        isTrue(value)
          ? { to: 'training.gradient_checkpointing', as: false, why: 'is on or off here' }
          : { why: 'is decided by the memory that there is' },
      ...without(WHY.kernels, 'flash_attn', 'enable_liger_kernel', 'use_unsloth', 'use_unsloth_gc'),
      ...without(
        'there is no optimiser of that name',
        'use_galore',
        'use_badam',
        'use_apollo',
        'use_muon',
      ),
      ...without(WHY.preferences, 'pref_beta', 'pref_loss', 'pref_ftx', 'simpo_gamma'),
      plot_loss: drop('report.html has the curves'),
      use_swanlab: drop('there is no report to swanlab'),
      optim: optimizer,
      lr_scheduler_type: schedule,
      ...without('is a command here: llft merge', 'export_dir', 'export_size', 'export_device'),
    },
    defaults: {
      per_device_train_batch_size: 8,
      learning_rate: 5e-5,
      cutoff_len: 2048,
      ...(given.stage === 'pt' && { packing: true }),
      ...(!isGiven(given.warmup_ratio) && { warmup_steps: 0 }),
      ...(method === 'lora' && { lora_rank: 8, lora_alpha: 2 * rank }),
      ...(method === 'freeze' && { freeze_trainable_layers: 2 }),
    },
  }
}
