import type { CommandContext } from '../command-context.js'
export async function chat(_: CommandContext): Promise<void> {}
