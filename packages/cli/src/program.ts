import { createRequire } from 'node:module'
import { Command, Option } from 'commander'
import type { CommandWork } from './command-context.js'
import { type CommonOptions, Output } from './output.js'
import type { Streams } from './streams.js'

export interface ProgramOptions {
  readonly streams: Streams
  /** With --json errors of usage are events and no text. */
  readonly isJson: boolean
  /** Sets what `llft` ends with. */
  readonly exit: (code: number) => void
}

/**
 * Declares a command.
 *
 * @param usage its name and arguments, such as `inspect <path>`
 * @param load imports its work, which happens when the command runs: help and completion need none of it
 * @returns the command, for options of its own
 */
export type AddCommand = (
  usage: string,
  description: string,
  load: () => Promise<CommandWork>,
) => Command

/**
 * The command line. It writes to `streams`, and throws a CommanderError where commander would end the process.
 *
 * @param addCommands declares every command; the options that all take are added behind theirs
 */
export function createProgram(
  { streams, isJson, exit }: ProgramOptions,
  addCommands: (add: AddCommand, program: Command) => void,
): Command {
  const program = new Command('llft')
    .description('Fine-tune Llama-family language models in Node.js, without Python.')
    .version(versionOfPackage(), '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureHelp({ subcommandTerm: termOf })
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => isJson || streams.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error:/, 'llft:')),
      getOutHelpWidth: () => Math.min(streams.stdout.columns || 100, 120),
      getErrHelpWidth: () => Math.min(streams.stderr.columns || 100, 120),
    })
    .exitOverride()
    .addHelpText('after', EXIT_CODES)
  const add: AddCommand = (usage, description, load) => {
    const command = program.command(usage).description(description)
    return command.helpOption('-h, --help', 'print this help').action(async () => {
      const options = command.opts<CommonOptions & Record<string, unknown>>()
      const work = await load()
      await work({ output: new Output(streams, options), args: command.args, options, exit })
    })
  }
  addCommands(add, program)
  for (const command of program.commands) {
    for (const option of commonOptions()) command.addOption(option)
  }
  return program
}

/** A command in the list of all: its name and arguments; that it has options is nothing new. */
function termOf(command: Command): string {
  return `${command.name()} ${command.usage().replace('[options]', '')}`.replace(/\s+/g, ' ').trim()
}

function commonOptions(): Option[] {
  const options = [
    new Option('--json', 'print one JSON object a line'),
    new Option('--quiet', 'print results alone'),
    new Option('--offline', 'use no network (nothing does)'),
    new Option('--no-color', 'print without colours, as with NO_COLOR=1'),
  ]
  return options.map((option) => option.helpGroup('Options of every command:'))
}

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 bad data or file, 4 does not fit in memory,
130 interrupted, 143 terminated. LLFT_DEBUG=1 shows where in LLFT an error came from.`

function versionOfPackage(): string {
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string }
  return version
}
