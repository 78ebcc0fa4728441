import { basename, dirname, join } from 'node:path'

const SHARD = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/

/** The place of a file among shards, from its name: `model-00002-of-00003.gguf` is the second of three. */
export function shardPlace(path: string): { index: number; count: number } | undefined {
  const match = SHARD.exec(basename(path))
  return match === null ? undefined : { index: Number(match[2]) - 1, count: Number(match[3]) }
}

/** The paths of all shards, from that of any of them or from the name that they share. */
export function shardPaths(path: string, count: number): string[] {
  const name = SHARD.exec(basename(path))?.[1] ?? basename(path).replace(/\.gguf$/, '')
  return Array.from({ length: count }, (_, index) =>
    join(dirname(path), `${name}-${number(index + 1)}-of-${number(count)}.gguf`),
  )
}

function number(value: number): string {
  return String(value).padStart(5, '0')
}
