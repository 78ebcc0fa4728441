import { DataError } from '@llft/errors'
import type { Example } from './example.js'
import { sourceName } from './source.js'

/**
 * Puts rows together so that each group holds at most `maxTokens` tokens, few groups are needed, and
 * no row is cut: the longest row first, each into the fullest group that has room (best fit
 * decreasing). Depends on the order of the rows only; within a group they keep it.
 * @throws DataError naming a row longer than `maxTokens`
 */
export function pack(examples: readonly Example[], maxTokens: number): Example[][] {
  const longestFirst = [...examples.keys()].sort(
    (a, b) => tokensOf(examples, b) - tokensOf(examples, a) || a - b,
  )
  const groups: number[][] = []
  // groupsWithRoom[n]: groups that have room for n tokens more, the oldest first.
  const groupsWithRoom: number[][] = Array.from({ length: maxTokens + 1 }, () => [])
  for (const index of longestFirst) {
    const length = tokensOf(examples, index)
    if (length > maxTokens) throw tooLong(examples[index] as Example, maxTokens)
    let room = length
    while (room <= maxTokens && groupsWithRoom[room]?.length === 0) room++
    const group = groupsWithRoom[room]?.shift() ?? groups.push([]) - 1
    groups[group]?.push(index)
    groupsWithRoom[Math.min(room, maxTokens) - length]?.push(group)
  }
  return groups.map((group) => group.sort((a, b) => a - b).map((i) => examples[i] as Example))
}

function tokensOf(examples: readonly Example[], index: number): number {
  return (examples[index] as Example).ids.length
}

function tooLong({ ids, source }: Example, maxTokens: number): DataError {
  return new DataError(
    `${sourceName(source)}: a row must fit into a pack of ${maxTokens} tokens; got ${ids.length}. Raise maxTokens or set maxLength.`,
  )
}
