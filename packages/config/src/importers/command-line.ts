import type { Given } from './import-rules.js'

/**
 * The options of a command line such as `trl sft --model_name_or_path X --bf16`: `--name value`, `--name=value`, several
 * values, or none for true. Words before the first option are left out.
 */
export function parseCommandLine(text: string): Given {
  const options: Record<string, unknown> = {}
  let name: string | undefined
  for (const word of wordsOf(text)) {
    const option = /^--?([a-zA-Z][\w-]*)(?:=([\s\S]*))?$/.exec(word)
    if (option === null) {
      if (name !== undefined) options[name] = added(options[name], parsedWord(word))
      continue
    }
    name = (option[1] as string).replaceAll('-', '_')
    options[name] = option[2] === undefined ? true : parsedWord(option[2])
  }
  return options
}

function added(before: unknown, value: unknown): unknown {
  return before === true ? value : [before, value].flat()
}

/** Words between blanks, with quotes and continued lines as a shell takes them. */
function wordsOf(text: string): string[] {
  const joined = text.replaceAll(/\\\r?\n/g, ' ')
  return [...joined.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    (match) => match[1] ?? match[2] ?? (match[3] as string),
  )
}

function parsedWord(word: string): unknown {
  if (/^(true|false)$/i.test(word)) return word.toLowerCase() === 'true'
  return word !== '' && Number.isFinite(Number(word)) ? Number(word) : word
}
