import type { DoctorCheck } from '../cli-event.js'
import type { CommandContext } from '../command-context.js'
import { checksOf } from '../doctor/checks.js'
import { type Machine, readMachine } from '../doctor/machine.js'
import { EXIT } from '../exit-codes.js'
import type { Output } from '../output.js'
import { tableLines } from '../table.js'

/** `llft doctor`: exits with 1 if something keeps LLFT from working here. */
export function doctor(context: CommandContext): Promise<void> {
  return examine(context, readMachine)
}

/** The same for any machine. */
export async function examine(
  { output, exit }: CommandContext,
  read: () => Promise<Machine>,
): Promise<void> {
  output.status('looking at this machine ...')
  const checks = checksOf(await read())
  output.endStatus()
  for (const check of checks) output.event({ type: 'check', ...check })
  show(output, checks)
  const count = (state: DoctorCheck['state']) =>
    checks.filter((check) => check.state === state).length
  const [problems, warnings] = [count('problem'), count('warning')]
  if (problems > 0) exit(EXIT.failed)
  if (output.isJson) return
  output.line()
  if (problems > 0)
    output.line(output.paint.red(`${problems} of ${checks.length} checks found a problem.`))
  else if (warnings > 0)
    output.line(`LLFT works here; ${warnings} of ${checks.length} checks have a remark.`)
  else output.line(output.paint.green('LLFT works here.'))
  if (problems === 0) output.next(['llft inspect MODEL', 'look at a model before you train it'])
}

function show(output: Output, checks: readonly DoctorCheck[]): void {
  const { paint } = output
  const marks = {
    ok: paint.green('ok      '),
    warning: paint.yellow('warning '),
    problem: paint.red('problem '),
  }
  const width = Math.max(...checks.map(({ name }) => name.length))
  for (const { name, state, value, advice } of checks) {
    const text = advice === '' ? value : `${value}\n${advice}`
    const lines = tableLines([[name.padEnd(width), text]], { paint, width: output.width - 8 })
    for (const [index, line] of lines.entries()) {
      output.line(`${index === 0 ? marks[state] : ' '.repeat(8)}${line}`)
    }
  }
}
