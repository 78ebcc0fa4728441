import { open, readdir, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { ConfigError, closestName } from '@llft/errors'
import { readTextIfThere } from '@llft/input'

export interface ModelFolderNeeds {
  /** Whether tokenizer.json must be there as well. Default false. */
  readonly tokenizer?: boolean | undefined
}

/**
 * Looks at what was given as a model before anything is read from it, and says what to do about each thing that people
 * pass in place of the folder of a Hugging Face checkpoint.
 *
 * @throws ConfigError that names what was found and the remedy.
 */
export async function requireModelFolder(
  model: string,
  { tokenizer = false }: ModelFolderNeeds = {},
): Promise<void> {
  const found = await stat(model).catch(() => undefined)
  if (found === undefined) throw await missing(model)
  if (!found.isDirectory()) throw refusal(model, await fileProblem(model, found.isFile()))
  const names = await readdir(model)
  const problem =
    (await folderProblem(model, names)) ?? (tokenizer ? tokenizerProblem(names) : undefined)
  if (problem !== undefined) throw refusal(model, problem)
}

interface Problem {
  readonly got: string
  readonly fix: string
}

function refusal(model: string, { got, fix }: Problem): ConfigError {
  return new ConfigError(
    `model: must be the folder of a Hugging Face checkpoint with config.json and safetensors; got '${model}', ${got}. ${fix}`,
  )
}

async function missing(model: string): Promise<ConfigError> {
  if (model === '~' || model.startsWith('~/')) {
    const path = join(homedir(), model.slice(1))
    const fix = `Only shells replace '~'. Pass '${path}', or join(homedir(), '${model.slice(2)}').`
    return refusal(model, { got: 'which does not exist', fix })
  }
  const parent = dirname(resolve(model))
  const siblings = await readdir(parent).catch(() => undefined)
  if (siblings === undefined && /^[\w.-]+\/[\w.-]+$/.test(model)) {
    const folder = `models/${basename(model)}`
    const fix = `Models of the Hugging Face Hub must be downloaded first: hf download ${model} --local-dir ${folder}, then pass '${folder}'.`
    return refusal(model, { got: 'which does not exist here', fix })
  }
  const near = closestName(basename(model), siblings ?? [])
  const fix =
    near === undefined
      ? `Relative paths start at ${process.cwd()}.`
      : `Did you mean '${join(dirname(model), near)}'?`
  return refusal(model, { got: 'which does not exist', fix })
}

async function fileProblem(path: string, isRegular: boolean): Promise<Problem> {
  if (!isRegular) return { got: 'a special file', fix: 'Pass a folder.' }
  if (path.endsWith('.gguf') || (await startOf(path, 4)) === 'GGUF') return GGUF
  if (path.endsWith('.safetensors')) {
    return { got: 'one file of a model', fix: `Pass the folder that holds it: '${dirname(path)}'.` }
  }
  return { got: 'a file', fix: 'Pass a folder; unpack an archive first.' }
}

const GGUF: Problem = {
  got: 'a GGUF file',
  fix: 'Take the safetensors checkpoint from which it was made: its model card on the Hub names it.',
}

/** The first characters of a file, as far as they are there. */
async function startOf(path: string, length: number): Promise<string> {
  const handle = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0)
    return buffer.toString('latin1', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

async function folderProblem(
  folder: string,
  names: readonly string[],
): Promise<Problem | undefined> {
  if (!names.includes('config.json')) return withoutConfig(folder, names)
  const pointer = await findPointer(folder, names)
  if (pointer !== undefined) {
    return {
      got: `where ${pointer} is a pointer of git-lfs and not the file itself`,
      fix: `Run: git -C '${folder}' lfs pull`,
    }
  }
  if (names.some((name) => WEIGHTS.test(name))) return undefined
  if (names.some((name) => /\.(bin|pt|pth)$/.test(name))) {
    return {
      got: 'which has its weights in PyTorch files (.bin) only; these can run code when read',
      fix: 'Take the safetensors version of the model: its page on the Hub has one, or a pull request with one.',
    }
  }
  if (names.some((name) => name.endsWith('.gguf'))) return GGUF
  return undefined
}

const WEIGHTS = /\.safetensors(\.index\.json)?$/

async function withoutConfig(folder: string, names: readonly string[]): Promise<Problem> {
  if (names.includes('adapter_config.json')) return adapterProblem(folder)
  if (names.some((name) => name.endsWith('.gguf'))) return GGUF
  const inner = await findInner(folder, names)
  if (inner !== undefined) {
    return { got: 'which has no config.json', fix: `The model lies in '${inner}': pass that.` }
  }
  const got = names.length === 0 ? 'which is empty' : 'which has no config.json'
  return { got, fix: 'Download all files of the model.' }
}

async function adapterProblem(folder: string): Promise<Problem> {
  const path = join(folder, 'adapter_config.json')
  const text = (await readTextIfThere(path).catch(() => undefined)) ?? ''
  const base = /"base_model_name_or_path"\s*:\s*"([^"]*)"/.exec(text)?.[1]
  const known = base === undefined || base === '' ? 'its base model' : `its base model '${base}'`
  return {
    got: 'which holds an adapter and not a model',
    fix: `Pass ${known}, and put the adapter in with loadAdapter(model, '${folder}').`,
  }
}

/** The folder below that holds the model, as in a clone or in the cache of the Hub (snapshots/HASH). */
async function findInner(folder: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names.slice(0, 100)) {
    const inner = join(folder, name)
    const below: string[] = await readdir(inner).catch(() => [])
    if (below.includes('config.json')) return inner
    if (name !== 'snapshots') continue
    const [hash] = below
    if (hash !== undefined) return join(inner, hash)
  }
  return undefined
}

async function findPointer(folder: string, names: readonly string[]): Promise<string | undefined> {
  const candidates = names.filter(
    (name) => WEIGHTS.test(name) || /^(config|tokenizer)\.json$/.test(name),
  )
  for (const name of candidates) {
    const path = join(folder, name)
    const { size, isFile } = await stat(path).then(
      (found) => ({ size: found.size, isFile: found.isFile() }),
      () => ({ size: 0, isFile: false }),
    )
    if (!isFile || size > POINTER_BYTES) continue
    if ((await startOf(path, LFS.length)) === LFS) return name
  }
  return undefined
}

const LFS = 'version https://git-lfs'
/** More than any pointer has. */
const POINTER_BYTES = 1024

function tokenizerProblem(names: readonly string[]): Problem | undefined {
  if (names.includes('tokenizer.json')) return undefined
  const others = names.filter((name) => /^(tokenizer\.model|vocab\.json|merges\.txt)$/.test(name))
  const got =
    others.length === 0
      ? 'which has no tokenizer.json'
      : `which has ${others.join(' and ')} in place of tokenizer.json`
  const fix =
    others.length === 0
      ? 'Download it from the page of the model, or pass a tokenizer: Tokenizer.fromFolder(...).'
      : 'Take tokenizer.json from the page of the model, or let transformers write it: AutoTokenizer.from_pretrained(folder).save_pretrained(folder).'
  return { got, fix }
}
