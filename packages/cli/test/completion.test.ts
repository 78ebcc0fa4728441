import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from './run.js'

let folder: string
let script: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'llft-completion-'))
  mkdirSync(join(folder, 'my model'))
  writeFileSync(join(folder, 'my rows.jsonl'), '')
  script = (await run(['completion', 'bash'])).stdout
})

afterAll(() => rmSync(folder, { recursive: true }))

/** What bash would offer behind these words; the last one is being typed. */
function completions(...words: string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(' ')
  const program = `${script}
COMP_WORDS=(llft ${quoted}); COMP_CWORD=${words.length}
_llft
printf '%s\\n' "\${COMPREPLY[@]}"`
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', program], {
    cwd: folder,
    encoding: 'utf8',
  })
  expect([status, stderr]).toEqual([0, ''])
  return stdout.split('\n').filter(Boolean)
}

describe.skipIf(spawnSync('bash', ['--version']).status !== 0)('in bash', () => {
  test('commands, and options of a command', () => {
    expect(completions('in')).toEqual(['init', 'inspect'])
    expect(completions('')).toEqual(expect.arrayContaining(['chat', 'doctor', '--version']))
    expect(completions('chat', '--t')).toEqual(['--temperature', '--top-p'])
    expect(completions('doctor', '--j')).toEqual(['--json'])
    expect(completions('help', 'do')).toEqual(['doctor'])
  })

  test('choices, behind a space and behind =', () => {
    expect(completions('merge', '--dtype', '')).toEqual(['float32', 'bfloat16'])
    expect(completions('merge', '--dtype', '=', 'b')).toEqual(['bfloat16'])
    expect(completions('merge', '--dtype', '=')).toEqual(['float32', 'bfloat16'])
    expect(completions('completion', '')).toEqual(['bash', 'zsh', 'fish'])
  })

  test('folders where a model is wanted, files where any path is; a space does not part a name', () => {
    expect(completions('chat', 'my')).toEqual(['my model'])
    expect(completions('chat', 'x', '--adapter', '')).toEqual(['my model'])
    expect(completions('inspect', 'my').sort()).toEqual(['my model', 'my rows.jsonl'])
  })

  test('a text is not completed', () => {
    expect(completions('chat', 'x', '--prompt', 'm')).toEqual([])
  })
})

test.each(['zsh', 'fish'])(
  'the script for %s names commands, options and choices',
  async (shell) => {
    const { code, stdout } = await run(['completion', shell])
    expect(code).toBe(0)
    for (const text of ['inspect', 'temperature', 'nf4 fp4 int8', 'bash zsh fish']) {
      expect(stdout).toContain(text)
    }
    const file = join(folder, 'script')
    writeFileSync(file, stdout)
    const { error, status, stderr } = spawnSync(shell, ['-n', file], { encoding: 'utf8' })
    // Its syntax, where the shell is there.
    if (error === undefined) expect([status, stderr]).toEqual([0, ''])
  },
)
