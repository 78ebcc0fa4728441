type Paint = (text: string) => string

function painter(open: number, close: number): Paint {
  return (text) => (paints() ? `\u001b[${open}m${text}\u001b[${close}m` : text)
}

/** NO_COLOR (no-color.org) and pipes get plain text. */
function paints(): boolean {
  return !process.env.NO_COLOR && process.stdout.isTTY === true && process.env.TERM !== 'dumb'
}

export const bold = painter(1, 22)
export const dim = painter(2, 22)
export const green = painter(32, 39)
