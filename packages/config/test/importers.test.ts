import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkConfig,
  formatImport,
  type ImportSource,
  importConfig,
  yamlSource,
} from '../src/index.js'

const FOLDER = fileURLToPath(new URL('configs', import.meta.url))
const NAMES = readdirSync(FOLDER)

function imported(name: string) {
  return importConfig({ text: readFileSync(`${FOLDER}/${name}`, 'utf8'), name })
}

/** The rows of a list as 'key -> option: value'. */
function told(rows: ReturnType<typeof imported>['changed']): string[] {
  return rows.map(({ key, to, as }) => `${key} -> ${to}: ${JSON.stringify(as)}`)
}

describe('importConfig', () => {
  it.each([
    ['axolotl-qlora.yml', 'axolotl'],
    ['axolotl-lora.yml', 'axolotl'],
    ['llama-factory.yaml', 'llama-factory'],
    ['trl.txt', 'transformers'],
    ['mlx-lm.yaml', 'mlx-lm'],
    ['training-arguments.json', 'transformers'],
    ['unsloth.yaml', 'unsloth'],
  ])('knows whose %s is', (name, from) => {
    expect(imported(name).from).toBe(from)
  })

  it.each(NAMES)('loses no key of %s, and gives what is a configuration', (name) => {
    const { config, carried, changed, dropped } = imported(name)
    const keys = [...carried, ...changed, ...dropped].map(({ key }) => key)
    const unique = new Set(keys)
    expect(keys).toHaveLength(unique.size)
    const text = readFileSync(`${FOLDER}/${name}`, 'utf8')
    const top = text.match(name === 'trl.txt' ? /--\w+/g : /^ {0,2}"?[a-z_0-9]+"?(?=:)/gm) ?? []
    const own = top
      .map((key) => key.replaceAll(/["\s-]/g, ''))
      .filter(
        (key) =>
          ![
            'keys',
            'rank',
            'scale',
            'dropout',
            'name',
            'warmup',
            'arguments',
            'path',
            'pad_token',
          ].includes(key),
      )
    expect(own.length).toBeGreaterThan(5)
    for (const key of own) {
      expect(unique.has(key) || unique.has(`datasets.0.${key}`), key).toBe(true)
    }
    for (const { why } of [...changed, ...dropped]) expect(why).toMatch(/\w{2}/)
    const missing = { model: 'm', data: { train: 'd' }, output: 'o' }
    const whole = { ...missing, ...config, data: { ...missing.data, ...config.data } }
    expect(() => checkConfig({ ...yamlSource('', name), value: whole })).not.toThrow()
  })

  it('reads a QLoRA of axolotl', () => {
    const { config, changed, dropped } = imported('axolotl-qlora.yml')
    expect(config).toEqual({
      model: { path: 'NousResearch/Meta-Llama-3-8B', quantization: 'nf4' },
      data: {
        train: 'notes/support.jsonl',
        eval: 0.02,
        max_length: 4096,
        packing: true,
        truncation: 'drop',
      },
      output: './outputs/support',
      method: 'lora',
      lora: { r: 32, alpha: 16, dropout: 0.05, targets: 'all-linear' },
      training: {
        gradient_accumulation: 4,
        batch_size: 2,
        epochs: 4,
        optimizer: 'paged-adamw',
        schedule: 'cosine',
        learning_rate: 2e-4,
        gradient_checkpointing: true,
        warmup_steps: 10,
        weight_decay: 0,
      },
    })
    expect(told(changed)).toContain('optimizer -> training.optimizer: "paged-adamw"')
    const lost = new Map(dropped.map(({ key, why }) => [key, why]))
    expect(lost.get('evals_per_epoch')).toMatch(/known once the rows are read/)
    expect(lost.get('flash_attention')).toMatch(/kernels/)
    expect(lost.get('wandb_project')).toBe('is empty')
  })

  it('writes out what a tool takes where nothing is given', () => {
    const { config, carried, changed } = imported('axolotl-lora.yml')
    expect(config.training).toMatchObject({
      batch_size: 1,
      epochs: 1,
      warmup_ratio: 0.1,
      schedule: { name: 'cosine_with_min_lr', floor: 0.1 },
      early_stopping: { patience: 3 },
    })
    expect(config.data?.train).toEqual(['poems.jsonl', 'stories.jsonl'])
    expect(config.lora).toMatchObject({ targets: ['q_proj', 'v_proj'], plus_ratio: 16 })
    expect(told([...carried, ...changed])).toContain(
      'micro_batch_size (default) -> training.batch_size: 1',
    )
  })

  it('reads LLaMA-Factory, with its alpha of twice the rank', () => {
    const { config, dropped } = imported('llama-factory.yaml')
    expect(config).toMatchObject({
      model: { path: 'meta-llama/Meta-Llama-3-8B-Instruct', dtype: 'bfloat16' },
      data: {
        train: ['data/identity.json', 'data/alpaca_en_demo.json'],
        eval: 0.1,
        max_length: 2048,
      },
      output: 'saves/llama3-8b/lora/sft',
      lora: { r: 8, alpha: 16, targets: 'all-linear' },
      training: {
        batch_size: 1,
        gradient_accumulation: 8,
        learning_rate: 1e-4,
        epochs: 3,
        warmup_ratio: 0.1,
        log_steps: 10,
        save_steps: 500,
        eval_steps: 500,
      },
    })
    expect(dropped.map(({ key }) => key)).toContain('trust_remote_code')
  })

  it('reads a command line of TRL, with the defaults of SFTConfig', () => {
    const { config } = imported('trl.txt')
    expect(config).toMatchObject({
      model: { path: 'Qwen/Qwen2-0.5B' },
      data: { train: 'capybara.jsonl', packing: true, max_length: 1024 },
      output: 'Qwen2-0.5B-SFT',
      method: 'lora',
      lora: { r: 32, alpha: 16, dropout: 0.05, targets: ['q_proj', 'v_proj'] },
      training: {
        learning_rate: 2e-4,
        batch_size: 2,
        gradient_accumulation: 8,
        epochs: 1,
        eval_steps: 100,
        warmup_steps: 0,
      },
    })
  })

  it('reads mlx-lm, whose scale times rank is alpha', () => {
    const { config, changed } = imported('mlx-lm.yaml')
    expect(config.lora).toEqual({ r: 8, alpha: 160, dropout: 0, targets: ['q_proj', 'v_proj'] })
    expect(config.data).toMatchObject({
      train: 'recipes/train.jsonl',
      eval: 'recipes/valid.jsonl',
      learn: 'all',
    })
    expect(config.training).toMatchObject({
      steps: 1000,
      batch_size: 4,
      schedule: { name: 'cosine_with_min_lr', floor: 1e-7 / 1e-5 },
      learning_rate: 1e-5,
      warmup_steps: 100,
      max_grad_norm: 0,
      seed: 0,
    })
    expect(changed.find(({ key }) => key === 'lora_parameters')?.why).toMatch(/scale times rank/)
  })

  it('reads TrainingArguments, old names and new', () => {
    const { config, dropped } = imported('training-arguments.json')
    expect(config).toMatchObject({
      output: 'results',
      report: ['jsonl', 'html', 'tensorboard'],
      training: {
        batch_size: 4,
        epochs: 3,
        warmup_ratio: 0.05,
        optimizer: 'adamw8bit',
        schedule: 'inverse_sqrt',
        eval_steps: 50,
      },
    })
    expect(config.training).not.toHaveProperty('steps')
    const lost = dropped.map(({ key }) => key)
    expect(lost).toEqual(expect.arrayContaining(['fp16', 'deepspeed', 'max_steps']))
  })

  it('shows what became of each key', () => {
    const table = formatImport(imported('unsloth.yaml'))
    expect(table).toMatch(/^carried over \(\d+\)\n/)
    expect(table).toMatch(
      /optim: 'adamw_8bit' +training.optimizer: 'adamw8bit' +\(is called 'adamw8bit' here\)/,
    )
  })

  it('says which tools it knows', () => {
    expect(() => importConfig({ text: 'colour: red', name: 'x.yaml' })).toThrow(
      /x.yaml: must be a configuration of axolotl, .*; got one with colour/,
    )
  })

  it('gives the same whatever the order of the keys', () => {
    for (const name of NAMES.filter((file) => file !== 'trl.txt')) {
      const text = readFileSync(`${FOLDER}/${name}`, 'utf8')
      const given = Object.entries(yamlSource(text, name).value as object)
      const whole = importConfig({ text, name })
      fc.assert(
        fc.property(fc.shuffledSubarray(given, { minLength: given.length }), (entries) => {
          const shuffled = JSON.stringify(Object.fromEntries(entries))
          const { config } = importConfig({ text: shuffled, name, from: whole.from })
          expect(config).toEqual(whole.config)
        }),
        { numRuns: 20 },
      )
    }
  })
})

/** What a few keys become, by the table of a tool; null is nothing. */
const CASES: [ImportSource, object, object][] = [
  // A warm-up is in steps or a share of the run, never both.
  ['transformers', { warmup_ratio: 0.1, packing: true }, { training: { warmup_ratio: 0.1 } }],
  ['transformers', { warmup_ratio: 0.1, warmup_steps: 0 }, { training: { warmup_ratio: 0.1 } }],
  ['transformers', { warmup_ratio: 0.1, warmup_steps: 5 }, { training: { warmup_steps: 5 } }],
  [
    'transformers',
    { lr_scheduler_type: 'constant', warmup_ratio: 0.03 },
    { training: { schedule: 'constant', warmup_steps: 0 } },
  ],
  // Settings go where their owner is.
  [
    'transformers',
    { adam_beta2: 0.95, optim: 'adamw_8bit', adam_beta1: 0.9 },
    { training: { optimizer: { name: 'adamw8bit', beta2: 0.95 } } },
  ],
  ['transformers', { adam_beta2: 0.95, optim: 'sgd' }, { training: { optimizer: 'sgd' } }],
  [
    'transformers',
    {
      lr_scheduler_type: 'cosine_with_min_lr',
      lr_scheduler_kwargs: { min_lr: 1e-5 },
      learning_rate: 1e-4,
    },
    { training: { schedule: { name: 'cosine_with_min_lr', floor: 1e-5 / 1e-4 } } },
  ],
  // How often.
  ['transformers', { save_steps: 0.1, learning_rate: 1 }, { training: { save_steps: null } }],
  [
    'transformers',
    { eval_strategy: 'steps', logging_steps: 25 },
    { training: { eval_steps: 25, log_steps: 25 } },
  ],
  ['transformers', { eval_strategy: 'no', eval_steps: 10 }, { training: { eval_steps: null } }],
  // What is learnt.
  ['transformers', { dataset_name: 'd' }, { data: { learn: 'all' }, method: 'full' }],
  [
    'transformers',
    { dataset_name: 'd', assistant_only_loss: true },
    { data: { learn: 'all-assistant' } },
  ],
  ['transformers', { dataset_name: 'd', completion_only_loss: true }, { data: { learn: null } }],
  [
    'transformers',
    { completion_only_loss: false },
    { data: { learn: 'all' }, training: { learning_rate: 2e-5 } },
  ],
  ['transformers', { shuffle_dataset: false, packing: true }, { data: { shuffle: null } }],
  ['transformers', { train_sampling_strategy: 'sequential' }, { data: { shuffle: false } }],
  ['transformers', { bf16: true, dtype: 'float32' }, { model: { dtype: 'bfloat16' } }],
  ['transformers', { max_length: null, packing: true }, { data: { max_length: null } }],
  // axolotl.
  [
    'axolotl',
    { base_model: 'm', adapter: null },
    { method: 'full', training: { warmup_steps: null } },
  ],
  ['axolotl', { excess_length_strategy: 'raise' }, { data: { truncation: 'error' } }],
  [
    'axolotl',
    { lora_target_linear: true, lora_target_modules: ['q_proj'], adapter: 'lora' },
    { lora: { targets: 'all-linear' } },
  ],
  [
    'axolotl',
    { datasets: [{ path: 'json', data_files: 'x.jsonl', type: 'completion', field: 'body' }] },
    { data: { train: 'x.jsonl', columns: { text: 'body' } } },
  ],
  [
    'axolotl',
    { gradient_checkpointing: 'offload' },
    { training: { gradient_checkpointing: true } },
  ],
  ['axolotl', { lora_model_dir: 'a' }, { continue_from: 'a' }],
  ['axolotl', { reinit_weights: true }, { model: { from_scratch: true } }],
  [
    'axolotl',
    { use_tensorboard: true, wandb_project: 'p' },
    { report: ['jsonl', 'html', 'tensorboard', 'wandb'] },
  ],
  [
    'axolotl',
    { cosine_min_lr_ratio: 0.1, lr_scheduler: 'cosine' },
    { training: { schedule: { name: 'cosine_with_min_lr', floor: 0.1 } } },
  ],
  // LLaMA-Factory.
  ['llama-factory', { lora_target: 'q_proj' }, { lora: { targets: ['q_proj'] } }],
  [
    'llama-factory',
    { finetuning_type: 'freeze' },
    { method: 'full', lora: null, training: { last_layers: 2 } },
  ],
  ['llama-factory', { packing: true, neat_packing: false }, { data: { packing: true } }],
  ['llama-factory', { neat_packing: true, packing: false }, { data: { packing: true } }],
  ['llama-factory', { stage: 'pt' }, { data: { packing: true } }],
  ['llama-factory', { pure_bf16: true }, { model: { dtype: 'bfloat16' } }],
  [
    'llama-factory',
    { train_from_scratch: true, finetuning_type: 'full' },
    { model: { from_scratch: true }, method: 'full' },
  ],
  ['llama-factory', { adapter_name_or_path: 'saves/a' }, { continue_from: 'saves/a' }],
  [
    'llama-factory',
    { plot_loss: true, report_to: 'wandb' },
    { report: ['jsonl', 'html', 'wandb'] },
  ],
  // mlx-lm.
  [
    'mlx-lm',
    { model: 'm' },
    { training: { schedule: 'constant', warmup_steps: 0, max_grad_norm: 0, learning_rate: 1e-5 } },
  ],
  [
    'mlx-lm',
    { lr_schedule: { name: 'linear_schedule', arguments: [2e-5, 0, 500] }, learning_rate: 1e-4 },
    { training: { schedule: 'linear', learning_rate: 2e-5 } },
  ],
  [
    'mlx-lm',
    { iters: 1001, save_every: 100, grad_accumulation_steps: 4 },
    { training: { steps: 250, save_steps: 25, eval_steps: 50, gradient_accumulation: 4 } },
  ],
  ['mlx-lm', { mask_prompt: true }, { data: { learn: 'last-assistant' } }],
  ['mlx-lm', { fine_tune_type: 'full' }, { method: 'full', training: { last_layers: 16 } }],
  ['mlx-lm', { optimizer: 'adamw' }, { training: { weight_decay: 0.01 } }],
  ['mlx-lm', { resume_adapter_file: 'a' }, { continue_from: 'a' }],
  // Unsloth.
  [
    'unsloth',
    { model_name: 'm', modules_to_save: ['lm_head'] },
    {
      model: { path: 'm', quantization: 'nf4' },
      lora: { modules_to_save: ['lm_head'] },
      training: { batch_size: 4, gradient_accumulation: 2, weight_decay: 0.01, warmup_ratio: 0.1 },
    },
  ],
  ['unsloth', { full_finetuning: true }, { model: null, method: 'full' }],
]

function expectParts(value: unknown, expected: unknown): void {
  if (expected === null) expect(value).toBeUndefined()
  else if (typeof expected !== 'object' || Array.isArray(expected)) expect(value).toEqual(expected)
  else {
    for (const [key, part] of Object.entries(expected)) {
      expectParts((value as Record<string, unknown> | undefined)?.[key], part)
    }
  }
}

describe('a key of another tool', () => {
  it.each(CASES)('of %s: %j gives %j', (from, given, expected) => {
    const { config } = importConfig({ text: JSON.stringify(given), name: 'x.json', from })
    expectParts(config, expected)
    const missing = { model: 'm', data: { train: 'd' }, output: 'o' }
    const model = { path: 'm', ...(config.model as object) }
    const value = { ...missing, ...config, model, data: { ...missing.data, ...config.data } }
    expect(() => checkConfig({ ...yamlSource('', 'x'), value })).not.toThrow()
  })

  it.each([
    ['llama-factory', { stage: 'dpo' }, /stage: must be a method .* \(sft, pt\); got 'dpo'/],
    ['llama-factory', { finetuning_type: 'oft' }, /finetuning_type: must be .*; got 'oft'/],
    ['axolotl', { base_model: 'm', rl: 'kto' }, /rl: must be left out, .*; got 'kto'/],
  ] as const)('of a method that is not here is an error: %s %j', (from, given, message) => {
    const text = JSON.stringify(given)
    expect(() => importConfig({ text, name: 'x.json', from })).toThrow(message)
  })

  it('that another one overrules is told as left out', () => {
    const text = JSON.stringify({ bf16: true, dtype: 'float32', packing: true })
    const { dropped } = importConfig({ text, name: 'x.json', from: 'transformers' })
    expect(dropped).toContainEqual({ key: 'dtype', value: 'float32', why: 'bf16 says it' })
  })
})

describe('a command line', () => {
  it.each([
    ['python -m mlx_lm lora --model m --data d', 'mlx-lm'],
    ['llamafactory-cli train --model_name_or_path m --output_dir o', 'llama-factory'],
    ['# trains\ntrl sft --model_name_or_path m --lora_r 8', 'transformers'],
  ])('is known by its program: %s', (text, from) => {
    expect(importConfig({ text, name: 'run.sh' }).from).toBe(from)
  })

  it('keeps quoted words whole', () => {
    const text = `trl sft --output_dir="my runs/a" --dataset_name 'b c' --learning_rate 1e-4`
    const { config } = importConfig({ text, name: 'run.sh' })
    expect(config).toMatchObject({ output: 'my runs/a', data: { train: 'b c' } })
  })

  it('is no YAML with options in a comment', () => {
    const text = '---\n# as with --lora_r 8\nbase_model: m\nlora_r: 4\n'
    const { from, config } = importConfig({ text, name: 'x.yml' })
    expect([from, config.lora?.r]).toEqual(['axolotl', 4])
  })
})
