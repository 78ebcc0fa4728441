import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { checkConfig, formatImport, importConfig, yamlSource } from '../src/index.js'

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
            'type',
            'pad_token',
          ].includes(key),
      )
    expect(own.length).toBeGreaterThan(5)
    for (const key of own) expect(unique, key).toContain(key)
    for (const { why } of [...changed, ...dropped]) expect(why).toMatch(/\w{2}/)
    const missing = { model: 'm', data: { train: 'd' }, output: 'o' }
    const whole = { ...missing, ...config, data: { ...missing.data, ...config.data } }
    expect(() => checkConfig({ ...yamlSource('', name), value: whole })).not.toThrow()
  })

  it('reads a QLoRA of axolotl', () => {
    const { config, changed, dropped } = imported('axolotl-qlora.yml')
    expect(config).toEqual({
      model: { path: 'NousResearch/Meta-Llama-3-8B', quantization: 'nf4' },
      data: { train: 'notes/support.jsonl', eval: 0.02, max_length: 4096, packing: true },
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
      report: ['jsonl', 'html'],
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
      lora: { r: 32, alpha: 16, dropout: 0.05 },
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
      schedule: 'cosine',
      warmup_steps: 100,
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
})
