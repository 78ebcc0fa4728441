import type { Command } from 'commander'
import type { CommandWork } from '../command-context.js'
import { bashCompletion } from '../completion/bash.js'
import { type ProgramSpec, programSpec } from '../completion/command-spec.js'
import { fishCompletion } from '../completion/fish.js'
import { zshCompletion } from '../completion/zsh.js'

const SCRIPTS: Readonly<Record<string, (spec: ProgramSpec) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
}

/** `llft completion SHELL`: the script is the only thing on stdout, with --json too, as a shell reads it. */
export function completionOf(program: Command): CommandWork {
  return async ({ output, args: [shell] }) => {
    const script = SCRIPTS[shell as string]?.(programSpec(program)) ?? ''
    output.streams.stdout.write(script)
  }
}
