import type { CommandContext } from '../command-context.js'
export async function inspect(_: CommandContext): Promise<void> {}
