import type { CommandSpec, OptionSpec, ProgramSpec, ValueSpec } from './command-spec.js'

/** A script for zsh, sourced or as the file `_llft` of a folder of $fpath. */
export function zshCompletion({ name, options, commands }: ProgramSpec): string {
  return `#compdef ${name}
# Completion of ${name} for zsh. Use, behind compinit: source <(${name} completion zsh)
_${name}() {
  local state line
  typeset -A opt_args
  _arguments -C ${options.map(argumentsOf).join(' ')} '1:command:->command' '*::argument:->argument'
  case $state in
    command)
      local -a commands=(
${commands.map(({ name: command, description }) => `        ${quoted(`${command}:${description}`)}`).join('\n')}
      )
      _describe command commands ;;
    argument)
      case $words[1] in
${commands.map(commandCase).join('\n')}
      esac ;;
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`
}

function commandCase({ name, options, argument }: CommandSpec): string {
  const parts = options.map(argumentsOf)
  if (argument !== undefined) parts.push(quoted(`*:${name}:${action(argument)}`))
  return `        ${name}) _arguments ${parts.join(' ')} ;;`
}

/** An option as _arguments takes it: `'--adapter=[what it is]:folder:_files -/'`. */
function argumentsOf({ long, description, value }: OptionSpec): string {
  const text = description.replace(/[[\]:]/g, '\\$&')
  if (value === undefined) return quoted(`${long}[${text}]`)
  return quoted(`${long}=[${text}]:${value.kind}:${action(value)}`)
}

function action(value: ValueSpec): string {
  if (value.kind === 'choices') return `(${value.choices.join(' ')})`
  if (value.kind === 'text') return ' '
  return value.kind === 'folder' ? '_files -/' : '_files'
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
