import {
  bfloat16,
  bits,
  evalShare,
  quantizationType,
  TRAINING_ARGUMENTS,
  targets,
  WHY,
} from './common.js'
import {
  aimed,
  carry,
  drop,
  type Given,
  type ImportRule,
  type ImportTable,
} from './import-rules.js'
import { optimizer, schedule } from './names.js'

const finetuning: ImportRule = (value) =>
  value === 'lora' || value === 'full'
    ? { to: 'method', as: value }
    : { why: `${String(value)} ${WHY.method}` }

const stage: ImportRule = (value) =>
  value === 'sft' || value === 'pt'
    ? { why: 'the form of the rows says what is learnt' }
    : { why: `${String(value)} ${WHY.method}` }

/** Names of its registry, as the files that they usually are. */
const dataset: ImportRule = (value, all) => {
  const folder = String(all.dataset_dir ?? 'data')
  const files = String(value)
    .split(',')
    .map((name) => `${folder}/${name.trim()}.json`)
  return {
    to: 'data.train',
    as: files.length === 1 ? files[0] : files,
    why: 'names files here, not entries of dataset_info.json: check the path',
  }
}

const learnsPrompt: ImportRule = (value) =>
  value === true
    ? { to: 'data.learn', as: 'all', why: 'is a value of data.learn' }
    : { why: 'only answers are learnt anyway' }

/** LLaMA-Factory's YAML, or its command line. */
export function llamaFactoryTable(given: Given): ImportTable {
  const rank = Number(given.lora_rank ?? 8)
  const isLora = (given.finetuning_type ?? 'lora') === 'lora'
  return {
    rules: {
      ...TRAINING_ARGUMENTS,
      model_name_or_path: carry('model.path'),
      trust_remote_code: drop('no code of a model is ever run'),
      stage,
      finetuning_type: finetuning,
      lora_rank: carry('lora.r'),
      lora_alpha: carry('lora.alpha'),
      lora_dropout: carry('lora.dropout'),
      lora_target: targets,
      additional_target: (value) => ({
        to: 'lora.modules_to_save',
        as: String(value).split(','),
        why: 'is a list here',
      }),
      use_rslora: carry('lora.rslora'),
      use_dora: carry('lora.dora'),
      loraplus_lr_ratio: carry('lora.plus_ratio'),
      pissa_init: drop('is no start of this version'),
      quantization_bit: bits,
      quantization_method: drop('is bitsandbytes'),
      quantization_type: quantizationType,
      double_quantization: drop('scales are quantised anyway with nf4'),
      dataset,
      dataset_dir: drop('is part of data.train'),
      eval_dataset: aimed(dataset, 'data.eval'),
      val_size: evalShare,
      template: drop('the template of the tokenizer is used'),
      cutoff_len: carry('data.max_length'),
      max_samples: drop('cut the file'),
      train_on_prompt: learnsPrompt,
      mask_history: (value) =>
        value === true
          ? { to: 'data.learn', as: 'last-assistant', why: 'is a value of data.learn' }
          : { why: 'all answers are learnt' },
      packing: carry('data.packing'),
      neat_packing: carry('data.packing'),
      overwrite_cache: drop('nothing is kept between runs'),
      preprocessing_num_workers: drop(WHY.workers),
      streaming: drop('rows are read before the first step'),
      mix_strategy: drop('files follow each other, and rows are shuffled'),
      interleave_probs: drop('files follow each other, and rows are shuffled'),
      flash_attn: drop(WHY.kernels),
      enable_liger_kernel: drop(WHY.kernels),
      use_unsloth: drop(WHY.kernels),
      plot_loss: (value) =>
        value === true
          ? { to: 'report', as: ['jsonl', 'html'], why: 'is the report' }
          : { why: 'the report can be left out' },
      optim: optimizer,
      lr_scheduler_type: schedule,
      bf16: bfloat16,
      export_dir: drop('is a command here: llft merge'),
      export_size: drop('is a command here: llft merge'),
      adapter_name_or_path: drop(
        'an adapter that goes on training is given to the library: loadAdapter',
      ),
    },
    defaults: {
      per_device_train_batch_size: 8,
      learning_rate: 5e-5,
      cutoff_len: 2048,
      ...(given.warmup_ratio === undefined && { warmup_steps: 0 }),
      ...(isLora && { lora_rank: 8, lora_alpha: 2 * rank }),
    },
  }
}
