// Before a platform package is packed, in its folder: copies the addon that was built for it there, stripped. A release
// finds those of other platforms in place, built and tested on machines of their kind.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const built = fileURLToPath(new URL('../native/build/llft.node', import.meta.url))
const { name, os, cpu } = JSON.parse(readFileSync('package.json', 'utf8'))

if (os.includes(process.platform) && cpu.includes(process.arch)) fill()
else if (!existsSync('llft.node')) {
  throw new Error(
    `${name} must be packed on ${os} ${cpu}, or hold an llft.node from there; this is ${process.platform} ${process.arch}.`,
  )
}

function fill() {
  if (!existsSync(built)) throw new Error(`${built} must exist; run npm run build.`)
  copyFileSync(built, 'llft.node')
  // Symbols make the file larger and nothing else; where there is no strip it stays as it is.
  spawnSync('strip', [process.platform === 'darwin' ? '-x' : '--strip-unneeded', 'llft.node'])
}
