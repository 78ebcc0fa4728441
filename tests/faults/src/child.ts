// Trains the small run in the folder of its argument, and writes a line for each checkpoint that is whole.
import { loraTrain } from '@llft/lora'
import { smallRun } from './small-run.js'

const [folder] = process.argv.slice(2) as [string]
await loraTrain(
  smallRun(folder, (event) => {
    if (event.type === 'checkpoint') process.stdout.write(`${event.step}\n`)
  }),
)
process.stdout.write('done\n')
