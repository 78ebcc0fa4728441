import { ConfigError, DataError, FormatError, LlftError, OutOfMemoryError } from '@llft/errors'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { EXIT, exitCodeOf } from '../src/exit-codes.js'
import { Output } from '../src/output.js'
import { run } from './run.js'

afterEach(() => vi.unstubAllEnvs())

describe('the command line', () => {
  test('help names every command and exit code, on stdout', async () => {
    const { code, stdout, stderr } = await run(['--help'])
    expect([code, stderr]).toEqual([EXIT.done, ''])
    for (const name of ['chat <model>', 'inspect <path>', 'merge [model] <out>', 'doctor']) {
      expect(stdout).toContain(`  ${name} `)
    }
    expect(stdout).toContain('4 does not fit in memory')
  })

  test('the help of a command has its options, and those of every command behind them', async () => {
    const { stdout } = await run(['merge', '--help'])
    expect(stdout).toMatch(/Usage: llft merge \[options\] \[model\] <out>/)
    expect(stdout.indexOf('--dtype')).toBeLessThan(stdout.indexOf('--json'))
    for (const option of ['--json', '--quiet', '--offline', '--no-color']) {
      expect(stdout).toContain(option)
    }
  })

  test.each([
    [['inspekt', 'x'], /llft: unknown command 'inspekt'\n\(Did you mean inspect\?\)/],
    [['inspect', 'x', '--tensor'], /llft: unknown option '--tensor'\n\(Did you mean --tensors\?\)/],
    [['inspect'], /missing required argument 'path'/],
    [['merge', 'out'], /required option '--adapter <folder>' not specified/],
    [['merge', 'out', '--adapter', 'x', '--dtype', 'int8'], /choices are float32, bfloat16/],
    [['chat', 'x', '--temperature', '-1'], /must be a number from 0 up/],
    [['chat', 'x', '--max-tokens', '1.5'], /must be a whole number from 1 up/],
    [['chat', 'x', '--top-p', ''], /must be a number from 0 to 1/],
    [['completion', 'tcsh'], /choices are bash, zsh, fish/],
  ])('%s is a mistake of usage', async (args, message) => {
    const { code, stdout, stderr } = await run(args)
    expect([code, stdout]).toEqual([EXIT.usage, ''])
    expect(stderr).toMatch(message)
  })

  test('with --json a mistake is one event, and nothing else is written', async () => {
    const { code, events, stderr } = await run(['inspekt', '--json'])
    const message = "unknown command 'inspekt' (Did you mean inspect?)"
    expect(events).toEqual([{ type: 'error', code: 'ERR_LLFT_USAGE', message, exitCode: 2 }])
    expect([code, stderr]).toEqual([EXIT.usage, ''])
  })

  test('an error of LLFT is a line without a stack, which LLFT_DEBUG shows', async () => {
    const plain = await run(['inspect', '/nowhere/x'])
    expect(plain.code).toBe(EXIT.data)
    expect(plain.stderr).toBe('llft: /nowhere/x: must be a file or a folder; got no such path.\n')
    vi.stubEnv('LLFT_DEBUG', '1')
    expect((await run(['inspect', '/nowhere/x'])).stderr).toMatch(/\n +at /)
    const { events } = await run(['inspect', '/nowhere/x', '--json'])
    expect(events).toMatchObject([{ type: 'error', code: 'ERR_LLFT_FORMAT', exitCode: 3 }])
  })
})

test.each([
  [new ConfigError(''), 2],
  [new DataError(''), 3],
  [new FormatError(''), 3],
  [new OutOfMemoryError(''), 4],
  [new LlftError('ERR_LLFT_ABORTED', ''), 130],
  [new LlftError('ERR_LLFT_SAVE', ''), 1],
  [Object.assign(new Error(), { code: 'ENOENT' }), 3],
  [Object.assign(new Error(), { code: 'constructor' }), 1],
  [new TypeError(), 1],
  [undefined, 1],
])('%s ends with %i', (error, code) => {
  expect(exitCodeOf(error)).toBe(code)
})

describe('output', () => {
  const terminal = () => ({ isTTY: true, columns: 80, text: '', write: vi.fn() })
  const streams = () => ({ stdin: process.stdin, stdout: terminal(), stderr: terminal() })

  test('has colours on a terminal, and none with --no-color or NO_COLOR', () => {
    vi.stubEnv('NO_COLOR', '')
    vi.stubEnv('TERM', 'xterm')
    const painted = (options = {}) => new Output(streams(), options).paint.red('x')
    expect(painted()).not.toBe('x')
    expect(painted({ color: false })).toBe('x')
    vi.stubEnv('NO_COLOR', '1')
    expect(painted()).toBe('x')
  })

  test('a status goes before the next line, and only terminals have one', () => {
    vi.stubEnv('TERM', 'xterm')
    const both = streams()
    const output = new Output(both)
    output.status('working')
    output.line('result')
    output.line('more')
    expect(both.stderr.write.mock.calls.at(-1)).toEqual(['\r\u001b[2K'])
    expect(both.stderr.write).toHaveBeenCalledTimes(2)
    const quiet = streams()
    new Output(quiet, { quiet: true }).status('working')
    new Output({ ...quiet, stderr: { write: quiet.stderr.write } }).status('working')
    expect(quiet.stderr.write).not.toHaveBeenCalled()
  })
})
