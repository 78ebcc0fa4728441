// Runs one stage of a script: quiet, with a single line of progress, and the end of its log when it fails.
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))
export const CACHE = join(ROOT, '.cache')
const LIVE = process.stdout.isTTY && !process.env.CI && process.env.TERM !== 'dumb'
const TAIL_LINES = 60

/**
 * @typedef {object} StageOptions
 * @property {string} [cwd] working folder; the repository's root by default
 * @property {NodeJS.ProcessEnv} [env] added to the environment
 * @property {boolean} [mayFail] resolve with the exit code instead of ending the program
 * @property {RegExp} [progress] its first group, found in the output, is shown while the stage runs
 */

/**
 * Runs `command` and resolves with its exit code and output; ends the program when it fails.
 * @param {string} title
 * @param {string[]} command
 * @param {StageOptions} [options]
 * @returns {Promise<{ code: number, output: string }>}
 */
export async function stage(title, command, options = {}) {
  mkdirSync(CACHE, { recursive: true })
  const log = join(CACHE, `${title.replace(/[^a-z0-9]+/gi, '-')}.log`)
  const started = Date.now()
  const code = await runLogged(title, command, log, started, options)
  const output = readFileSync(log, 'utf8')
  report(title, started, code === 0 ? 'done' : 'FAILED')
  if (code !== 0 && !options.mayFail) {
    console.error(`\n${tail(output)}\n\n${title} failed (exit ${code}). The whole log: ${log}`)
    process.exit(1)
  }
  return { code, output }
}

/** The last lines of a log. */
export function tail(output, lines = TAIL_LINES) {
  return output.trimEnd().split('\n').slice(-lines).join('\n')
}

async function runLogged(title, [program, ...args], log, started, { cwd = ROOT, env, progress }) {
  const file = openSync(log, 'w')
  let shown = ''
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  })
  const onData = (data) => {
    writeSync(file, data)
    shown = progress?.exec(data.toString())?.[1] || shown
  }
  child.stdout.on('data', onData)
  child.stderr.on('data', onData)
  const timer = LIVE && setInterval(() => live(title, started, shown), 200)
  const code = await new Promise((resolve) => {
    child.on('error', (error) => {
      writeSync(file, `${error.message}\n`)
      resolve(127)
    })
    child.on('close', (exit, signal) => resolve(exit ?? (signal ? 128 : 1)))
  })
  if (timer) clearInterval(timer)
  closeSync(file)
  return code
}

function live(title, started, shown) {
  process.stdout.write(`\r\u001b[K  ${title} ... ${seconds(started)} ${shown}`)
}

function report(title, started, result) {
  if (LIVE) process.stdout.write('\r\u001b[K')
  console.log(`  ${title.padEnd(34)} ${result} ${seconds(started).padStart(8)}`)
}

function seconds(started) {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`
}
