import { type Addon, loadAddon } from '@llft/native'

let loaded: Addon | undefined

/**
 * The native addon, loaded when it is first needed, so that importing this package never fails.
 *
 * @throws NativeLoadError that says what was tried and what to run.
 */
export function native(): Addon {
  loaded ??= loadAddon()
  return loaded
}
