import type { CommandSpec, OptionSpec, ProgramSpec, ValueSpec } from './command-spec.js'

/** A script for fish: `llft completion fish | source`. */
export function fishCompletion({ name, options, commands }: ProgramSpec): string {
  const complete = `complete -c ${name}`
  return [
    `# Completion of ${name} for fish. Use: ${name} completion fish | source`,
    `${complete} -f`,
    ...options.map((option) => `${complete} -n __fish_use_subcommand ${optionOf(option)}`),
    ...commands.flatMap((command) => [
      `${complete} -n __fish_use_subcommand -a ${command.name} -d ${quoted(command.description)}`,
      ...linesOf(command).map(
        (line) => `${complete} -n '__fish_seen_subcommand_from ${command.name}' ${line}`,
      ),
    ]),
    '',
  ].join('\n')
}

function linesOf({ options, argument }: CommandSpec): string[] {
  return [...options.map(optionOf), ...(argument === undefined ? [] : [completed(argument)])]
}

function optionOf({ long, short, description, value }: OptionSpec): string {
  const names = `-l ${long.slice(2)}${short === undefined ? '' : ` -s ${short.slice(1)}`}`
  const taken = value === undefined ? '' : ` -r ${completed(value)}`
  return `${names}${taken} -d ${quoted(description)}`
}

function completed(value: ValueSpec): string {
  if (value.kind === 'choices') return `-f -a ${quoted(value.choices.join(' '))}`
  if (value.kind === 'text') return '-f'
  return value.kind === 'folder' ? "-f -a '(__fish_complete_directories)'" : '-F'
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
