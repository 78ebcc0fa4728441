import { shown } from '@llft/errors'
import type { ImportedConfig, ImportRow } from './import-rules.js'

/** What became of each key, as a table for a terminal. */
export function formatImport({ carried, changed, dropped }: ImportedConfig): string {
  const lines = [
    ...section('carried over', carried, ({ to, as }) => `${to}: ${shown(as)}`),
    ...section('changed', changed, ({ to, as, why }) => `${to}: ${shown(as)}  (${why})`),
    ...section('left out', dropped, ({ why }) => why ?? ''),
  ]
  return `${lines.join('\n')}\n`
}

function section(
  title: string,
  rows: readonly ImportRow[],
  describe: (row: ImportRow) => string,
): string[] {
  if (rows.length === 0) return []
  const names = rows.map(({ key, value }) => `${key}: ${shown(value)}`)
  const width = Math.min(44, Math.max(...names.map((name) => name.length)))
  return [
    `${title} (${rows.length})`,
    ...rows.map((row, index) => `  ${(names[index] as string).padEnd(width)}  ${describe(row)}`),
    '',
  ]
}
