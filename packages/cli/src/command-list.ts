import { Argument, type Command, Option } from 'commander'
import { addConfigFlags } from './config-flags.js'
import { numberFrom, wholeNumberFrom } from './option-values.js'
import type { AddCommand } from './program.js'

/**
 * Every command of `llft`, in the order of its help. A new one is a file in commands/ and an entry here; nothing that it
 * imports is loaded before it runs.
 */
export function addCommands(add: AddCommand, program: Command): void {
  addTraining(add)
  addEval(add)
  addChat(add)
  add('inspect <path>', 'say what a file or folder is, and what is wrong with it', async () => {
    return (await import('./commands/inspect.js')).inspect
  })
    .option('--tensors', 'list every tensor')
    .option('--deep', 'read all values, and look for NaN and infinity')
    .option('--model <folder>', 'show the first row of a data file as this model sees it')
  addMerge(add)
  add('doctor', 'check this machine, and say what to do', async () => {
    return (await import('./commands/doctor.js')).doctor
  })
  add('demo', 'train a small model that comes along and ask it, in about a minute', async () => {
    return (await import('./commands/demo.js')).demo
  }).option('--output <folder>', 'where the adapter goes', 'llft-demo')
  add('completion', 'print a script that completes commands, options and paths', async () => {
    return (await import('./commands/completion.js')).completionOf(program)
  }).addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
}

function addTraining(add: AddCommand): void {
  add('init', 'write a commented configuration for this machine and your data', async () => {
    return (await import('./commands/init.js')).init
  })
    .option('--model <folder>', 'folder of a Hugging Face checkpoint')
    .option('--data <file>', 'file to train on')
    .option('--output <folder>', 'folder of the run')
    .option(
      '--from <file>',
      'take over a configuration of transformers, TRL, axolotl, LLaMA-Factory, mlx-lm or Unsloth',
    )
    .option('--tool <name>', 'whose configuration that is, where its keys do not say it')
    .option('--file <path>', 'where it is written', 'config.yaml')
    .option('--force', 'write over a file that is there')
  const train = add('train <config>', 'train as a configuration says', async () => {
    return (await import('./commands/train.js')).train
  }).option('--dry-run', 'print the resolved configuration and the plan, and train nothing')
  const resume = add(
    'resume <run>',
    'go on with a run that was interrupted, to the same bits',
    async () => (await import('./commands/resume.js')).resume,
  ).option(
    '--allow-changes <names>',
    'what may differ from what was recorded: data, base, tokenizer, template, configuration',
  )
  add('runs [folder]', 'list runs with their state, loss, and how to go on', async () => {
    return (await import('./commands/runs.js')).runs
  })
  const estimate = add(
    'estimate <config>',
    'tell memory and time before anything is trained',
    async () => (await import('./commands/estimate.js')).estimate,
  ).option('--no-time', 'memory only, which loads no model')
  for (const command of [train, resume, estimate]) addConfigFlags(command)
}

function addEval(add: AddCommand): void {
  add('eval <model>', 'loss and perplexity on a file', async () => {
    return (await import('./commands/eval.js')).evaluateModel
  })
    .requiredOption('--data <file>', 'rows to evaluate on')
    .option('--adapter <folder>', 'adapter, run or checkpoint')
    .option('--max-length <tokens>', 'most tokens of a row', wholeNumberFrom(2), 1024)
    .option('--limit <rows>', 'take the first rows only', wholeNumberFrom(1))
    .addOption(
      new Option('--quantization <format>', 'load the base in 4 or 8 bits').choices([
        'nf4',
        'fp4',
        'int8',
      ]),
    )
}

function addChat(add: AddCommand): void {
  add('chat <model>', 'talk with a model, or with an adapter for it', async () => {
    return (await import('./commands/chat.js')).chat
  })
    .option('--adapter <folder>', 'adapter, run or checkpoint, of a run that goes on, too')
    .option('--compare', 'answer as the base model and as the tuned one, side by side')
    .option('--prompt <text>', 'answer once and end; - reads it from stdin')
    .option('--system <text>', 'what stands before the conversation')
    .option('--max-tokens <n>', 'most tokens of an answer', wholeNumberFrom(1), 256)
    .option('--temperature <t>', '0 always takes the likeliest token', numberFrom(0), 0)
    .option('--top-p <p>', 'draw from the likeliest tokens of this share', numberFrom(0, 1), 1)
    .option('--seed <n>', 'of what is drawn', wholeNumberFrom(0), 0)
    .addOption(
      new Option('--quantization <format>', 'load the base in 4 or 8 bits').choices([
        'nf4',
        'fp4',
        'int8',
      ]),
    )
}

function addMerge(add: AddCommand): void {
  add('merge <paths...>', 'write a model with its adapter merged', async () => {
    return (await import('./commands/merge.js')).merge
  })
    .usage('[options] [model] <out>')
    .requiredOption('--adapter <folder>', 'adapter, run or checkpoint')
    .addOption(
      new Option('--dtype <type>', 'of the stored weights (default: that of the base)').choices([
        'float32',
        'bfloat16',
      ]),
    )
    .option('--overwrite', 'replace the model in a folder that holds other files as well')
    .addHelpText(
      'after',
      '\nThe model may be left out where the adapter names the folder of its base.',
    )
}
