import { ConfigError, shown } from '@llft/errors'
import type { ImportTable } from './apply-table.js'
import { datasets, ofDatasets } from './axolotl-datasets.js'
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
  continued,
  evalShare,
  fromScratch,
  load4bit,
  load8bit,
  perEpoch,
  reports,
  resuming,
  targets,
  WHY,
  without,
} from './shared-rules.js'
import { TRAINING_ARGUMENTS } from './training-arguments.js'

const adapter: ImportRule = (value) => {
  if (value === 'none') return { to: 'method', as: 'full', why: 'is named' }
  const why = value === 'qlora' ? 'is lora on a base in 4 bits (model.quantization)' : undefined
  return { to: 'method', as: 'lora', why }
}

const targetLinear: ImportRule = (value) =>
  isTrue(value)
    ? { to: 'lora.targets', as: 'all-linear', why: 'is a value of lora.targets' }
    : { why: 'lora.targets says it' }

/** axolotl's YAML. */
export function axolotlTable(given: Given): ImportTable {
  rejectPreferences(given)
  const wantsReports = [
    ...(isTrue(given.use_tensorboard) ? ['tensorboard'] : []),
    ...(isGiven(given.wandb_project) && given.wandb_project !== '' ? ['wandb'] : []),
  ]
  const reported: ImportRule = (value) =>
    value === '' || value === false ? { why: 'is off' } : reports(wantsReports)
  return {
    rules: {
      ...TRAINING_ARGUMENTS,
      base_model: carry('model.path'),
      ...without(
        'config.json says it',
        'model_type',
        'is_llama_derived_model',
        'base_model_config',
      ),
      tokenizer_type: drop('tokenizer.json says it'),
      tokenizer_config: drop('the tokenizer lies with the model'),
      trust_remote_code: drop(WHY.noCode),
      reinit_weights: fromScratch,
      load_in_8bit: load8bit,
      load_in_4bit: load4bit,
      strict: drop('unknown keys are always errors'),
      adapter: onlyMethods('adapter', ['lora', 'qlora', 'none'], adapter),
      lora_model_dir: continued,
      lora_r: carry('lora.r'),
      lora_alpha: carry('lora.alpha'),
      lora_dropout: carry('lora.dropout'),
      lora_target_modules: targets,
      lora_target_linear: targetLinear,
      lora_fan_in_fan_out: drop('is for other architectures'),
      lora_modules_to_save: carry('lora.modules_to_save'),
      peft_use_dora: carry('lora.dora'),
      peft_use_rslora: carry('lora.rslora'),
      loraplus_lr_ratio: carry('lora.plus_ratio'),
      unfrozen_parameters: drop('the last layers can be trained alone: training.last_layers'),
      datasets,
      ...ofDatasets('datasets'),
      pretraining_dataset: datasets,
      ...ofDatasets('pretraining_dataset'),
      val_set_size: evalShare,
      test_datasets: aimed(datasets, 'data.eval'),
      ...ofDatasets('test_datasets'),
      chat_template: drop('the template of the tokenizer is used'),
      dataset_prepared_path: drop('nothing is kept between runs'),
      shuffle_merged_datasets: drop('rows come in a new random order each epoch'),
      sequence_len: carry('data.max_length'),
      excess_length_strategy: (value) =>
        value === 'raise'
          ? { to: 'data.truncation', as: 'error', why: "is called 'error' here" }
          : { to: 'data.truncation', as: value },
      sample_packing: carry('data.packing'),
      eval_sample_packing: drop(WHY.packedEval),
      pad_to_sequence_len: drop(WHY.padding),
      train_on_inputs: (value) =>
        isTrue(value)
          ? { to: 'data.learn', as: 'all', why: 'is a value of data.learn' }
          : { why: 'only answers are learnt anyway' },
      micro_batch_size: carry('training.batch_size'),
      eval_batch_size: carry('training.eval_batch_size'),
      num_epochs: carry('training.epochs'),
      optimizer,
      lr_scheduler: schedule,
      cosine_min_lr_ratio: (value) => ({
        to: 'training.schedule',
        as: { name: 'cosine_with_min_lr', floor: value },
        why: 'is a setting of the schedule',
      }),
      bf16: (value, all) =>
        value === 'auto'
          ? { why: 'the type is chosen for this machine (model.dtype: auto)' }
          : bfloat16(value, all),
      ...without(
        WHY.kernels,
        'flash_attention',
        'xformers_attention',
        'sdp_attention',
        'attn_implementation',
        'lora_mlp_kernel',
        'lora_qkv_kernel',
        'lora_o_kernel',
        'plugins',
        'liger_rope',
        'liger_rms_norm',
        'liger_glu_activation',
        'liger_layer_norm',
        'liger_fused_linear_cross_entropy',
      ),
      evals_per_epoch: perEpoch('eval'),
      saves_per_epoch: perEpoch('save'),
      eval_table_size: drop('the report shows answers before and after'),
      early_stopping_patience: carry('training.early_stopping.patience'),
      loss_watchdog_threshold: drop(
        'a loss that explodes is told of, one that is not finite stops the run',
      ),
      loss_watchdog_patience: drop('training.max_skipped_steps says it'),
      special_tokens: drop('put them into the tokenizer of the model'),
      debug: drop(WHY.logging),
      wandb_project: reported,
      use_tensorboard: reported,
      ...without('is a setting of wandb', 'wandb_entity', 'wandb_watch', 'wandb_mode', 'use_wandb'),
      wandb_name: drop('a run is called as its folder'),
      wandb_run_id: drop('a run is called as its folder'),
      wandb_log_model: drop(WHY.hub),
      auto_resume_from_checkpoints: resuming,
    },
    defaults: {
      micro_batch_size: 1,
      num_epochs: 1,
      sequence_len: 512,
      lr_scheduler: 'cosine',
      excess_length_strategy: 'drop',
      adapter: 'none',
    },
  }
}

/** @throws ConfigError for a method that learns from preferences or rewards. */
function rejectPreferences({ rl }: Given): void {
  if (!isGiven(rl) || rl === false || rl === '') return
  throw new ConfigError(
    `rl: must be left out, as this version learns from examples alone; got ${shown(rl)}. A run of another method would not be the same run.`,
  )
}
