// The lockfile, and whatever else is committed, must work with any registry: no address of one may stand in it.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const ADDRESS = /https?:\/\//
const REGISTRY = /\/\/registry\.|_authToken|^\s*registry\s*=/

const listed = spawnSync('git', ['ls-files', '*.yaml', '*.json', '.npmrc', '**/.npmrc'], {
  cwd: ROOT,
  encoding: 'utf8',
})
const problems = []
for (const file of listed.stdout.split('\n').filter(Boolean)) {
  const lines = readFileSync(join(ROOT, file), 'utf8').split('\n')
  const forbidden = file.endsWith('pnpm-lock.yaml') ? ADDRESS : REGISTRY
  lines.forEach((line, index) => {
    if (forbidden.test(line)) problems.push(`${file}:${index + 1}: ${line.trim().slice(0, 100)}`)
  })
}
for (const problem of problems) console.log(problem)
console.log(
  problems.length === 0 ? 'lockfile: no addresses' : `lockfile: ${problems.length} addresses`,
)
process.exit(problems.length === 0 ? 0 : 1)
