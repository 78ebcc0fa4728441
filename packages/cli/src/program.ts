import { createRequire } from 'node:module'
import { Command, Option } from 'commander'
import type { CommandContext } from './command-context.js'
import { configured } from './config-flags.js'
import { type CommonOptions, Output } from './output.js'
import type { Streams } from './streams.js'

type Work = (context: CommandContext) => Promise<void>

/**
 * The command line. Nothing of a command is loaded before it runs: help and completion are made of names and descriptions.
 */
export function createProgram(streams: Streams, exit: (code: number) => void): Command {
  const program = new Command('llft')
    .description('Fine-tune Llama-family language models in Node.js, without Python.')
    .version(versionOfPackage(), '-v, --version', 'print the version')
    .configureHelp({ sortSubcommands: false, sortOptions: false })
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => streams.stderr.write(text),
      getOutHelpWidth: () => streams.stdout.columns ?? 100,
      getErrHelpWidth: () => streams.stderr.columns ?? 100,
    })
    .showSuggestionAfterError(true)
    .exitOverride()
    .addHelpText('after', EXIT_CODES)

  /** A command whose work is loaded when it runs. */
  const add = (usage: string, description: string, load: () => Promise<Work>): Command =>
    common(program.command(usage).description(description)).action(async (...all: unknown[]) => {
      const command = all.at(-1) as Command
      const options = command.opts<CommonOptions & Record<string, unknown>>()
      const work = await load()
      await work({ output: new Output(streams, options), args: command.args, options, exit })
    })

  const init = add(
    'init',
    'write a commented configuration for this machine and your data',
    async () => (await import('./commands/init.js')).init,
  )
    .option(
      '--from <file>',
      'take over a configuration of transformers, TRL, axolotl, LLaMA-Factory, mlx-lm or Unsloth',
    )
    .option('--tool <name>', 'whose configuration that is, where its keys do not say it')
    .option('--file <path>', 'where it is written', 'config.yaml')
    .option('--force', 'write over a file that is there')
  init
    .option('--model <folder>', 'folder of a Hugging Face checkpoint')
    .option('--data <file>', 'file to train on')
    .option('--output <folder>', 'folder of the run')

  configured(
    add(
      'train <config>',
      'train as a configuration says',
      async () => (await import('./commands/train.js')).train,
    ),
  )
    .option('--dry-run', 'print the resolved configuration and the plan, and train nothing')
    .option(
      '--continue-from <path>',
      'begin a new run with the weights of a run, a checkpoint or an adapter',
    )
  configured(
    add(
      'resume <run>',
      'go on with a run that was interrupted, to the same bits',
      async () => (await import('./commands/resume.js')).resume,
    ),
  ).option(
    '--allow-changes <names>',
    'what may differ from what was recorded: data, base, tokenizer, template, configuration',
  )
  add(
    'runs [folder]',
    'list runs with their state, loss, and how to go on',
    async () => (await import('./commands/runs.js')).runs,
  )
  configured(
    add(
      'estimate <config>',
      'tell memory and time before anything is trained',
      async () => (await import('./commands/estimate.js')).estimate,
    ),
  ).option('--no-time', 'memory only, which loads no model')
  add(
    'eval <model>',
    'loss and perplexity on a file',
    async () => (await import('./commands/eval.js')).evaluateModel,
  )
    .requiredOption('--data <file>', 'rows to evaluate on')
    .option('--adapter <folder>', 'adapter, run or checkpoint')
    .option('--max-length <tokens>', 'most tokens of a row', Number)
    .option('--limit <rows>', 'take the first rows only', Number)
    .option('--quantization <format>', 'nf4, fp4 or int8')
  add(
    'chat <model>',
    'talk with a model, or with a run that still trains',
    async () => (await import('./commands/chat.js')).chat,
  )
    .option('--adapter <folder>', 'adapter, run or checkpoint')
    .option('--compare', 'answer as the base model and as the tuned one, side by side')
    .option('--prompt <text>', 'answer once and end; - reads it from stdin')
    .option('--system <text>', 'what goes before the conversation')
    .option('--max-tokens <n>', 'most tokens of an answer', Number, 256)
    .option('--temperature <t>', '0 takes the likeliest token', Number, 0)
    .option('--top-p <p>', 'share of the likeliest tokens', Number)
    .option('--seed <n>', 'of what is drawn', Number)
  add(
    'merge <model> <out>',
    'write a model with its adapter merged',
    async () => (await import('./commands/merge.js')).merge,
  )
    .requiredOption('--adapter <folder>', 'adapter, run or checkpoint')
    .addOption(
      new Option('--dtype <type>', 'of the stored weights').choices(['float32', 'bfloat16']),
    )
    .option('--overwrite', 'write to a folder that holds other files as well')
  add(
    'inspect <path>',
    'say what a file or folder is, and what is wrong with it',
    async () => (await import('./commands/inspect.js')).inspect,
  )
    .option('--tensors', 'list every tensor')
    .option('--model <folder>', 'show the first row of a data file as this model sees it')
  add(
    'doctor',
    'check this machine, and say what to do',
    async () => (await import('./commands/doctor.js')).doctor,
  )
  add(
    'demo',
    'train the embedded model and ask it, in under a minute',
    async () => (await import('./commands/demo.js')).demo,
  )
  program
    .command('completion <shell>')
    .description('print a script that completes commands and options: bash, zsh or fish')
    .action(async (shell: string) => {
      const { completionScript } = await import('./completion.js')
      streams.stdout.write(completionScript(program, shell))
    })
  return program
}

function common(command: Command): Command {
  return command
    .option('--json', 'print one object a line')
    .option('--quiet', 'print results only')
    .option('--offline', 'use no network (nothing does)')
    .option('--no-color', 'print without colours')
    .exitOverride()
}

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 bad data or file, 4 does not fit in memory, 130 and 143
interrupted. Every command takes --json, --quiet, --offline and --no-color. LLFT_DEBUG=1 shows where an error came from.`

function versionOfPackage(): string {
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string }
  return version
}
