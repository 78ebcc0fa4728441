// clang-format over the C++ sources; --write mends them. The program comes with the npm package clang-format-node.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const write = process.argv.includes('--write')

const listed = spawnSync(
  'git',
  [
    'ls-files',
    '--cached',
    '--others',
    '--exclude-standard',
    'native/*.h',
    'native/*.cc',
    ':!native/third_party',
  ],
  { cwd: ROOT, encoding: 'utf8' },
)
const files = listed.stdout.split('\n').filter(Boolean)
const program = join(ROOT, 'node_modules', '.bin', 'clang-format')
const run = spawnSync(program, [...(write ? ['-i'] : ['--dry-run', '--Werror']), ...files], {
  cwd: ROOT,
  stdio: 'inherit',
})
console.log(
  run.status === 0 ? `native format: ${files.length} files` : 'native format: run npm run format',
)
process.exit(run.status ?? 1)
