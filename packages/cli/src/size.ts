import { formatBytes } from '@llft/train'

/** `512 B`, `49.2 kB`, `269.0 MB` or `1.24 GB`. */
export function formatSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : formatBytes(bytes)
}
