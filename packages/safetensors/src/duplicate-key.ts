/**
 * The first key that an object of a JSON text holds twice, or undefined.
 *
 * `JSON.parse` keeps the last of two equal keys, other readers keep the first: one file would then
 * mean two different models. `json` must already have passed `JSON.parse`.
 */
export function duplicateKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = []
  for (let at = 0; at < json.length; at++) {
    const character = json[at]
    if (character === '{') open.push(new Set())
    else if (character === '[') open.push(undefined)
    else if (character === '}' || character === ']') open.pop()
    else if (character === '"') {
      const end = stringEnd(json, at)
      if (nextCharacter(json, end) === ':') {
        const key = JSON.parse(json.slice(at, end)) as string
        const keys = open.at(-1)
        if (keys?.has(key)) return key
        keys?.add(key)
      }
      at = end - 1
    }
  }
  return undefined
}

/** Index just behind the string whose opening quote is at `start`. */
function stringEnd(json: string, start: number): number {
  let at = start + 1
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1
  return at + 1
}

function nextCharacter(json: string, from: number): string | undefined {
  let at = from
  while (' \t\n\r'.includes(json[at] ?? '!')) at++
  return json[at]
}
