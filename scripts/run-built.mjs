// Builds quietly, then hands the terminal to a compiled program of the workspace.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { bootstrap } from './bootstrap.mjs'
import { ROOT } from './stage.mjs'

/** Runs `entry` (a path from the root) with this program's arguments and ends with its exit code. */
export async function runBuilt(entry) {
  await bootstrap()
  const run = spawnSync(process.execPath, [join(ROOT, entry), ...process.argv.slice(2)], {
    stdio: 'inherit',
    cwd: process.env.INIT_CWD ?? process.cwd(),
  })
  process.exit(run.status ?? 1)
}
