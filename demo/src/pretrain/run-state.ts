import { existsSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type CausalLM, copy, Tensor } from '@llft/runtime'
import { SafetensorsFile, writeFileAtomic, writeSafetensors } from '@llft/safetensors'
import { trainableParameters } from '@llft/train'
import type { ScheduledAdamW } from './scheduled-adamw.js'

interface StateJson {
  step: number
  seconds: number
  /** The file with the tensors of this state; the other one is written next. */
  tensors: string
}

/** What a killed run goes on from: masters, moments and the number of steps, which is the place in the data. */
export class RunState {
  private constructor(
    private readonly folder: string,
    /** Seconds of training so far, over all parts. */
    readonly seconds: number,
    private lastFile: string,
  ) {}

  /** The state in `folder`, loaded into model and optimiser; a fresh one if there is none. */
  static async open(folder: string, model: CausalLM, optimizer: ScheduledAdamW): Promise<RunState> {
    await mkdir(folder, { recursive: true })
    const path = join(folder, 'state.json')
    if (!existsSync(path)) return new RunState(folder, 0, '')
    const json = JSON.parse(readFileSync(path, 'utf8')) as StateJson
    await restore(join(folder, json.tensors), model, optimizer, json.step)
    optimizer.stepsDone = json.step
    return new RunState(folder, json.seconds, json.tensors)
  }

  /** Writes the tensors under the name that is not in use, then the small file that points at them. */
  async save(model: CausalLM, optimizer: ScheduledAdamW, seconds: number): Promise<void> {
    const tensors =
      this.lastFile === 'state-a.safetensors' ? 'state-b.safetensors' : 'state-a.safetensors'
    const all = allTensors(model, optimizer)
    await writeSafetensors(
      join(this.folder, tensors),
      Object.entries(all).map(([name, tensor]) => ({
        name,
        dtype: 'F32' as const,
        shape: tensor.shape,
        data: async () => new Uint8Array(await tensor.readBytes()),
      })),
    )
    const json: StateJson = { step: optimizer.stepsDone, seconds, tensors }
    await writeFileAtomic(join(this.folder, 'state.json'), `${JSON.stringify(json)}\n`)
    this.lastFile = tensors
  }
}

function allTensors(model: CausalLM, optimizer: ScheduledAdamW): Record<string, Tensor> {
  return { ...parametersOf(model), ...momentsOf(optimizer) }
}

function parametersOf(model: CausalLM): Record<string, Tensor> {
  return Object.fromEntries(
    trainableParameters(model).map(({ name, tensor }) => [`model.${name}`, tensor]),
  )
}

function momentsOf(optimizer: ScheduledAdamW): Record<string, Tensor> {
  const { tensors } = optimizer.state()
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [`adamw.${name}`, tensor]),
  )
}

async function restore(
  path: string,
  model: CausalLM,
  optimizer: ScheduledAdamW,
  step: number,
): Promise<void> {
  const file = await SafetensorsFile.open(path)
  const saved = async (name: string, { shape }: Tensor): Promise<Tensor> => {
    const bytes = await file.read(name)
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
    return Tensor.from(values, shape)
  }
  for (const [name, tensor] of Object.entries(parametersOf(model))) {
    using source = await saved(name, tensor)
    copy(source, tensor)
  }
  const tensors: Record<string, Tensor> = {}
  for (const [name, tensor] of Object.entries(optimizer.state().tensors)) {
    tensors[name] = await saved(`adamw.${name}`, tensor)
  }
  const steps = Object.fromEntries(trainableParameters(model).map(({ name }) => [name, step]))
  optimizer.load({ steps, tensors })
  for (const tensor of Object.values(tensors)) tensor.dispose()
}
