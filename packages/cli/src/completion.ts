import { ConfigError } from '@llft/errors'
import type { Command } from 'commander'

/** A script that completes `llft` in a shell. @throws ConfigError for a shell that is not known. */
export function completionScript(program: Command, shell: string): string {
  const script = { bash, zsh, fish }[shell]
  if (script !== undefined) return script(program)
  throw new ConfigError(`completion: the shell must be bash, zsh or fish; got '${shell}'.`)
}

function flagsOf(command: Command): string[] {
  return command.options.flatMap(({ long }) => (long ? [long] : []))
}

function bash(program: Command): string {
  const cases = program.commands.map(
    (command) => `    ${command.name()}) words="${flagsOf(command).join(' ')}" ;;`,
  )
  const names = program.commands.map((command) => command.name()).join(' ')
  return `# llft completion bash >> ~/.bashrc
_llft() {
  local word="\${COMP_WORDS[COMP_CWORD]}" words="${names}"
  if [ "$COMP_CWORD" -gt 1 ]; then
    words=""
    case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    esac
  fi
  if [[ "$word" == -* || "$COMP_CWORD" -eq 1 ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -o filenames -F _llft llft
`
}

function zsh(program: Command): string {
  const names = program.commands.map(
    (command) => `    '${command.name()}:${escaped(command.description())}'`,
  )
  const cases = program.commands.map(
    (command) =>
      `    ${command.name()}) _arguments ${flagsOf(command)
        .map((flag) => `'${flag}'`)
        .join(' ')} '*:file:_files' ;;`,
  )
  return `#compdef llft
# llft completion zsh > ~/.zfunc/_llft
_llft() {
  local -a commands=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  case $words[2] in
${cases.join('\n')}
  esac
}
_llft
`
}

function fish(program: Command): string {
  const lines = program.commands.flatMap((command) => [
    `complete -c llft -n __fish_use_subcommand -f -a ${command.name()} -d '${escaped(command.description())}'`,
    ...command.options.flatMap(({ long, description }) =>
      long
        ? [
            `complete -c llft -n '__fish_seen_subcommand_from ${command.name()}' -l ${long.slice(2)} -d '${escaped(description)}'`,
          ]
        : [],
    ),
  ])
  return `# llft completion fish > ~/.config/fish/completions/llft.fish\n${lines.join('\n')}\n`
}

function escaped(text: string): string {
  return text.replaceAll("'", '').replaceAll(':', '')
}
