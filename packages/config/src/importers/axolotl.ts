import {
  bfloat16,
  evalShare,
  load4bit,
  load8bit,
  reportTo,
  resuming,
  TRAINING_ARGUMENTS,
  targets,
  WHY,
  warmup,
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

const adapter: ImportRule = (value) =>
  value === 'none'
    ? { to: 'method', as: 'full', why: 'is named' }
    : value === 'lora' || value === 'qlora'
      ? {
          to: 'method',
          as: 'lora',
          ...(value === 'qlora' && { why: 'is lora on a base in 4 bits (model.quantization)' }),
        }
      : { why: `${String(value)} ${WHY.method}` }

const targetLinear: ImportRule = (value, all) =>
  value === true && all.lora_target_modules === undefined
    ? { to: 'lora.targets', as: 'all-linear', why: 'is a value of lora.targets' }
    : { why: 'lora.targets says it' }

const datasets: ImportRule = (value) => {
  const paths = (Array.isArray(value) ? value : [value]).map((one) =>
    typeof one === 'object' && one !== null ? String((one as Given).path) : String(one),
  )
  return {
    to: 'data.train',
    as: paths.length === 1 ? paths[0] : paths,
    why: 'names files here; their form is found in the first row',
  }
}

const perEpoch = (what: string): ImportRule =>
  drop(`how many steps an epoch has is known once the rows are read: set training.${what}_steps`)

/** axolotl's YAML. */
export function axolotlTable(given: Given): ImportTable {
  return {
    rules: {
      ...TRAINING_ARGUMENTS,
      base_model: carry('model.path'),
      model_type: drop('config.json says it'),
      tokenizer_type: drop('tokenizer.json says it'),
      tokenizer_config: drop('the tokenizer lies with the model'),
      is_llama_derived_model: drop('config.json says it'),
      load_in_4bit: load4bit,
      load_in_8bit: load8bit,
      strict: drop('unknown keys are always errors'),
      adapter,
      lora_model_dir: drop('an adapter that goes on training is given to the library: loadAdapter'),
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
      datasets,
      test_datasets: aimed(datasets, 'data.eval'),
      chat_template: drop('the template of the tokenizer is used'),
      dataset_prepared_path: drop('nothing is kept between runs'),
      val_set_size: evalShare,
      sequence_len: carry('data.max_length'),
      sample_packing: carry('data.packing'),
      eval_sample_packing: drop('held-out rows are not packed, which changes nothing but speed'),
      pad_to_sequence_len: drop('there is never padding'),
      train_on_inputs: (value) =>
        value === true
          ? { to: 'data.learn', as: 'all', why: 'is a value of data.learn' }
          : { why: 'only answers are learnt anyway' },
      group_by_length: TRAINING_ARGUMENTS.group_by_length as ImportRule,
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
      warmup_steps: warmup,
      bf16: (value, all) =>
        value === 'auto'
          ? { why: 'the type is chosen for this machine (model.dtype: auto)' }
          : bfloat16(value, all),
      flash_attention: drop(WHY.kernels),
      xformers_attention: drop(WHY.kernels),
      sdp_attention: drop(WHY.kernels),
      attn_implementation: drop(WHY.kernels),
      evals_per_epoch: perEpoch('eval'),
      saves_per_epoch: perEpoch('save'),
      early_stopping_patience: carry('training.early_stopping.patience'),
      loss_watchdog_threshold: drop(
        'a loss that explodes is told of, one that is not finite stops the run',
      ),
      loss_watchdog_patience: drop('training.max_skipped_steps says it'),
      special_tokens: drop('put them into the tokenizer of the model'),
      debug: drop(WHY.logging),
      rl: drop(WHY.method),
      wandb_project: (value, all) => (value === '' ? { why: 'is empty' } : reportTo('wandb', all)),
      wandb_entity: drop('is a setting of wandb'),
      wandb_watch: drop('is a setting of wandb'),
      wandb_name: drop('a run is called as its folder'),
      wandb_log_model: drop(WHY.hub),
      auto_resume_from_checkpoints: resuming,
      hub_strategy: drop(WHY.hub),
    },
    defaults: {
      micro_batch_size: 1,
      num_epochs: 1,
      sequence_len: 512,
      lr_scheduler: 'cosine',
      ...(given.warmup_ratio === undefined && { warmup_steps: 0 }),
      ...(given.adapter === undefined && { adapter: 'none' }),
    },
  }
}
