import { type Addon, loadAddon } from '@llft/native'
import { profileUntilExit } from './profile-at-exit.js'

let loaded: Addon | undefined

/**
 * The native addon, loaded when it is first needed, so that importing this package never fails.
 *
 * @throws NativeLoadError that says what was tried and what to run.
 */
export function native(): Addon {
  loaded ??= load()
  return loaded
}

function load(): Addon {
  const addon = loadAddon()
  if (process.env.LLFT_PROFILE === '1') profileUntilExit(addon)
  return addon
}
