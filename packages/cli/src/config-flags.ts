import { FIELDS } from '@llft/config/fields'
import { type Command, Option } from 'commander'

/** Short names of options that people know from other trainers. */
const SHORT_FLAGS: Readonly<Record<string, string>> = {
  '--model': 'model.path',
  '--data': 'data.train',
  '--eval': 'data.eval',
  '--epochs': 'training.epochs',
  '--steps': 'training.steps',
  '--batch-size': 'training.batch_size',
  '--learning-rate': 'training.learning_rate',
  '--lora-r': 'lora.r',
  '--max-length': 'data.max_length',
  '--seed': 'training.seed',
}

/** The options of the configuration as flags, in groups. */
export function addConfigFlags(command: Command): void {
  command.option(
    '--set <key=value>',
    'set an option of the configuration',
    (text, before: string[]) => [...before, text],
    [],
  )
  for (const [flag, path] of Object.entries(SHORT_FLAGS)) {
    command.addOption(new Option(`${flag} <value>`, `short for --${path.replaceAll('_', '-')}`))
  }
  for (const { flag, description, unit, default: fallback, choices, kind, env } of FIELDS) {
    const notes = [
      unit && `in ${unit}`,
      choices && kind !== 'object' && `one of ${choices.join(', ')}`,
      fallback !== undefined && `default ${JSON.stringify(fallback)}`,
      `env ${env}`,
    ].filter(Boolean)
    command.addOption(
      new Option(`${flag} <value>`, `${description} (${notes.join('; ')})`).helpGroup(
        'Options of the configuration:',
      ),
    )
  }
}

/** The values of the configuration among the options of a command. */
export function configValues(
  options: Readonly<Record<string, unknown>>,
): { path: string; text: string; flag: string }[] {
  const long = FIELDS.map(({ path, flag }) => ({ path, flag }))
  const short = Object.entries(SHORT_FLAGS).map(([flag, path]) => ({ path, flag }))
  return [...long, ...short].flatMap(({ path, flag }) => {
    const text = options[new Option(`${flag} <value>`).attributeName()]
    return typeof text === 'string' ? [{ path, flag, text }] : []
  })
}
