import { readFileSync } from 'node:fs'

/**
 * Compares the picture of packages in a Markdown file with what they may import: an arrow is drawn if and only if it is
 * allowed, where a way over other arrows counts as an arrow.
 *
 * @param {string} file with lines such as `lora --> train` in a mermaid block
 * @param {Readonly<Record<string, readonly string[]>>} allowed what each package may import
 */
export function* checkDrawnArrows(file, allowed) {
  const drawn = Object.fromEntries(Object.keys(allowed).map((name) => [name, []]))
  for (const [, from, to] of readFileSync(file, 'utf8').matchAll(/^ +(\w+) --> (\w+)$/gm)) {
    if (drawn[from] && drawn[to]) drawn[from].push(to)
  }
  for (const name of Object.keys(allowed)) {
    const [seen, may] = [reachable(drawn, name), reachable(allowed, name)]
    for (const other of may) if (!seen.has(other)) yield `draws no arrow from ${name} to ${other}`
    for (const other of seen)
      if (!may.has(other)) yield `draws an arrow from ${name} to ${other}, which is not allowed`
  }
}

function reachable(graph, start, found = new Set()) {
  for (const next of graph[start] ?? []) {
    if (!found.has(next)) reachable(graph, next, found.add(next))
  }
  return found
}
