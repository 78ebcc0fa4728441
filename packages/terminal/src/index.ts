export { type Column, displayWidth, padCells, sideBySide, wrapCells } from './columns.js'
export { printable } from './printable.js'
