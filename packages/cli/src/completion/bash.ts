import type { OptionSpec, ProgramSpec, ValueSpec } from './command-spec.js'

/** A script that bash 3.2 and later source: `source <(llft completion bash)`. */
export function bashCompletion({ name, options, commands }: ProgramSpec): string {
  const names = [...commands.map((command) => command.name), ...flagsOf(options)]
  return `# Completion of ${name} for bash. Use: source <(${name} completion bash)
_${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} IFS=$' \\t\\n'
  COMPREPLY=()
  # --name=value is three words.
  if [[ $cur == = ]]; then cur=
  elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  if (( COMP_CWORD == 1 )); then
    COMPREPLY=($(compgen -W '${names.join(' ')}' -- "$cur"))
    return
  fi
  case "\${COMP_WORDS[1]} $prev" in
${commands.flatMap((command) => command.options.flatMap((option) => valueCase(command.name, option))).join('\n')}
  esac
  case "\${COMP_WORDS[1]}" in
${commands.map((command) => argumentCase(command.name, command.options, command.argument)).join('\n')}
  esac
}
_llft_paths() {
  local IFS=$'\\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen "$1" -- "$2"))
}
complete -o default -F _${name} ${name}
`
}

function valueCase(command: string, { long, value }: OptionSpec): string[] {
  return value === undefined ? [] : [`    '${command} ${long}') ${completed(value)}; return ;;`]
}

function argumentCase(
  command: string,
  options: readonly OptionSpec[],
  argument: ValueSpec | undefined,
): string {
  const flags = `COMPREPLY=($(compgen -W '${flagsOf(options).join(' ')}' -- "$cur"))`
  if (argument === undefined) return `    ${command}) ${flags} ;;`
  const other = completed(argument)
  return `    ${command}) if [[ $cur == -* ]]; then ${flags}; else ${other}; fi ;;`
}

/** A statement that sets COMPREPLY; where nothing is known, bash takes files. */
function completed(value: ValueSpec): string {
  if (value.kind === 'choices') {
    return `COMPREPLY=($(compgen -W '${value.choices.join(' ')}' -- "$cur"))`
  }
  if (value.kind === 'text') return 'compopt +o default 2>/dev/null'
  return `_llft_paths ${value.kind === 'folder' ? '-d' : '-f'} "$cur"`
}

function flagsOf(options: readonly OptionSpec[]): string[] {
  return options.map(({ long }) => long)
}
