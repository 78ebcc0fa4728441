import { ConfigError } from '@llft/errors'

/** What a scope frees: a tensor, of which it needs to know no more. */
export interface Scoped {
  /** The scope that frees this from now on; undefined: none. */
  moveToScope(scope: Set<Scoped> | undefined): void
  dispose(): void
}

/** The tensors that a running `scope` will free; the innermost one collects what is made. */
let current: Set<Scoped> | undefined

/** The set that a tensor made now belongs to. */
export function currentScope(): Set<Scoped> | undefined {
  return current
}

/**
 * Runs `fn` and frees every tensor that was made in it, except those that it returns: a tensor, or arrays and
 * plain objects of tensors. What is returned belongs to the enclosing scope, if there is one. If `fn` throws,
 * everything made in it is freed.
 *
 * Gradients of leaves, tensors that the tape saved and tensors given to `keep` are not touched.
 *
 * @throws ConfigError if `fn` returns a promise: tensors of two overlapping tasks would be mixed up.
 */
export function scope<T>(fn: () => T): T {
  const outer = current
  const made = new Set<Scoped>()
  current = made
  let kept: Set<Scoped> = new Set()
  try {
    const result = fn()
    rejectPromise('scope', result)
    kept = scopedIn(result)
    return result
  } finally {
    current = outer
    for (const tensor of made) {
      if (kept.has(tensor)) tensor.moveToScope(outer)
      else tensor.dispose()
    }
  }
}

/** Takes `tensor` out of the running scope: it lives until it is disposed of. Returns it. */
export function keep<T extends Scoped | undefined>(tensor: T): T {
  tensor?.moveToScope(undefined)
  return tensor
}

/** Runs `fn` outside of any scope: tensors made in it live until they are disposed of. */
export function unscoped<T>(fn: () => T): T {
  const outer = current
  current = undefined
  try {
    const result = fn()
    rejectPromise('unscoped', result)
    return result
  } finally {
    current = outer
  }
}

function scopedIn(
  value: unknown,
  found = new Set<Scoped>(),
  seen = new Set<object>(),
): Set<Scoped> {
  if (typeof value !== 'object' || value === null || seen.has(value)) return found
  seen.add(value)
  if (isScoped(value)) found.add(value)
  else if (Array.isArray(value)) for (const item of value) scopedIn(item, found, seen)
  else if (isPlain(value)) for (const item of Object.values(value)) scopedIn(item, found, seen)
  return found
}

function isScoped(value: object): value is Scoped {
  return 'moveToScope' in value
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/**
 * What surrounds a function and is restored when it returns does not surround what it does after an await.
 *
 * @throws ConfigError if `result` is a promise.
 */
export function rejectPromise(where: string, result: unknown): void {
  if (typeof result !== 'object' || result === null || !('then' in result)) return
  // The promise is nobody's any more: its own failure is not to end the process.
  Promise.resolve(result).catch(() => undefined)
  throw new ConfigError(`${where}: the callback must not be async; got a promise.`)
}
