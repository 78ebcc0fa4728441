import type { CommandContext } from '../command-context.js'
export async function merge(_: CommandContext): Promise<void> {}
