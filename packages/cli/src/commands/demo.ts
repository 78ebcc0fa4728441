import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ConfigError } from '@llft/errors'
import type { CommandContext } from '../command-context.js'

const DEMO = fileURLToPath(new URL('../../../../demo/dist/main.js', import.meta.url))

/** `llft demo`: the embedded model weighs as much as all else together, so it comes with a clone, not with the package. */
export async function demo({ exit }: CommandContext): Promise<void> {
  if (!existsSync(DEMO)) {
    throw new ConfigError(
      'llft demo: must run from a clone of LLFT, which has the embedded model; got the package alone. Clone https://github.com/llft/llft and run npm run demo.',
    )
  }
  const child = spawn(process.execPath, [DEMO], { stdio: 'inherit' })
  exit(await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 1))))
}
