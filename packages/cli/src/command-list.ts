import { Argument, type Command, Option } from 'commander'
import { numberFrom, wholeNumberFrom } from './option-values.js'
import type { AddCommand } from './program.js'

/**
 * Every command of `llft`, in the order of its help. A new one is a file in commands/ and an entry here; nothing that it
 * imports is loaded before it runs.
 */
export function addCommands(add: AddCommand, program: Command): void {
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
