import type { Given } from './import-rules.js'

/** A command line, taken apart. */
export interface CommandLine {
  /** Words before the first option: the program. */
  readonly program: readonly string[]
  readonly options: Given
}

/** Whether a text is a command line and no YAML or JSON: comments do not count. */
export function isCommandLine(text: string): boolean {
  const code = text.replaceAll(/^\s*#.*$/gm, '').trimStart()
  return /(^|\s)--[a-z][\w-]+/.test(code) && !/^(?:---\s|\{|["'\w-]+\s*:)/.test(code)
}

/**
 * The options of a command line such as `trl sft --model_name_or_path X --bf16`: `--name value`, `--name=value`, several
 * values, or none for true.
 */
export function parseCommandLine(text: string): CommandLine {
  const program: string[] = []
  const options: Record<string, unknown> = {}
  let name: string | undefined
  for (const word of wordsOf(text.replaceAll(/^\s*#.*$/gm, ''))) {
    const option = /^--([a-zA-Z][\w-]*)(?:=([\s\S]*))?$/.exec(word)
    if (option === null) {
      if (name === undefined) program.push(word)
      else options[name] = added(options[name], parsedWord(word))
      continue
    }
    name = (option[1] as string).replaceAll('-', '_')
    options[name] = option[2] === undefined ? true : parsedWord(option[2])
  }
  return { program, options }
}

function added(before: unknown, value: unknown): unknown {
  return before === true ? value : [before, value].flat()
}

/** Words between blanks, with quotes and continued lines as a shell takes them. */
function wordsOf(text: string): string[] {
  const joined = text.replaceAll(/\\\r?\n/g, ' ')
  const words = joined.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"']+)+/g)
  return [...words].map(([word]) => word.replaceAll(/"([^"]*)"|'([^']*)'/g, '$1$2'))
}

function parsedWord(word: string): unknown {
  if (/^(true|false)$/i.test(word)) return word.toLowerCase() === 'true'
  return word !== '' && Number.isFinite(Number(word)) ? Number(word) : word
}
