import type { Argument, Command, Option } from 'commander'

/** What a value is completed with. */
export type ValueSpec =
  | { readonly kind: 'choices'; readonly choices: readonly string[] }
  | { readonly kind: 'folder' | 'path' | 'text' }

export interface OptionSpec {
  /** Such as `--adapter`. */
  readonly long: string
  /** Such as `-h`. */
  readonly short: string | undefined
  readonly description: string
  /** Undefined where the option takes none. */
  readonly value: ValueSpec | undefined
}

export interface CommandSpec {
  readonly name: string
  readonly description: string
  readonly options: readonly OptionSpec[]
  /** What is completed where no option is: the argument that is named first. */
  readonly argument: ValueSpec | undefined
}

/** What completion has to know of a command line. */
export interface ProgramSpec {
  readonly name: string
  readonly options: readonly OptionSpec[]
  readonly commands: readonly CommandSpec[]
}

/** Reads it off the commands as commander has them. */
export function programSpec(program: Command): ProgramSpec {
  const names = program.commands.map((command) => command.name())
  const commands = program.createHelp().visibleCommands(program)
  return {
    name: program.name(),
    options: optionsOf(program),
    commands: commands.map((command) => ({
      name: command.name(),
      description: command.description(),
      options: optionsOf(command),
      argument:
        command.name() === 'help'
          ? { kind: 'choices', choices: names }
          : argumentOf(command.registeredArguments[0]),
    })),
  }
}

function optionsOf(command: Command): OptionSpec[] {
  const options = command.createHelp().visibleOptions(command)
  return options.map((option) => ({
    long: option.long ?? '',
    short: option.short,
    description: option.description,
    value: option.required || option.optional ? optionValue(option) : undefined,
  }))
}

function optionValue({ argChoices, flags }: Option): ValueSpec {
  if (argChoices !== undefined) return { kind: 'choices', choices: argChoices }
  return { kind: kindOf(/[<[]([^>\]]+)[>\]]/.exec(flags)?.[1] ?? '') }
}

function argumentOf(argument: Argument | undefined): ValueSpec | undefined {
  if (argument === undefined) return undefined
  const { argChoices } = argument
  if (argChoices !== undefined) return { kind: 'choices', choices: argChoices }
  return { kind: kindOf(argument.name()) }
}

const FOLDERS = /^(folder|model|adapter|run|out|output)s?$/
const PATHS = /^(path|file|config|data)s?$/

/** What stands for a value says what it is: `--adapter <folder>`. */
function kindOf(placeholder: string): 'folder' | 'path' | 'text' {
  if (FOLDERS.test(placeholder)) return 'folder'
  return PATHS.test(placeholder) ? 'path' : 'text'
}
