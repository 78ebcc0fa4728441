import { ConfigError } from '@llft/errors'
import type { Tensor } from '../tensor.js'

/** A class of modules, for the lookup of a child by what it must be. */
export type ModuleKind<T extends Module> = abstract new (...args: never[]) => T

/**
 * A part of a model that owns parameters and named children. Names are those of Hugging Face checkpoints, so that a
 * path such as `model.layers.0.self_attn.q_proj` names a module and, with `.weight`, its tensor.
 */
export abstract class Module {
  readonly #children = new Map<string, Module>()

  /** Direct children, in the order in which they were added. */
  children(): Iterable<readonly [name: string, module: Module]> {
    return this.#children
  }

  /** Parameters of this module itself, by the name behind its path. */
  *ownParameters(): Iterable<readonly [name: string, tensor: Tensor]> {}

  /** Replaces own parameters by trainable float32 masters, or freezes them as they are. */
  setTrainable(trainable: boolean): void {
    for (const [, tensor] of this.ownParameters()) tensor.requiresGrad = trainable
  }

  /** This module under `path` and every module below it. The root's path is ''. */
  *modules(path = ''): Iterable<readonly [path: string, module: Module]> {
    yield [path, this]
    for (const [name, child] of this.#children) yield* child.modules(join(path, name))
  }

  /** Every parameter in and below this module, once each, by its full path. */
  *parameters(path = ''): Iterable<readonly [path: string, tensor: Tensor]> {
    const seen = new Set<Tensor>()
    for (const [at, module] of this.modules(path)) {
      for (const [name, tensor] of module.ownParameters()) {
        if (seen.has(tensor)) continue
        seen.add(tensor)
        yield [join(at, name), tensor]
      }
    }
  }

  /** @throws ConfigError if there is no module at `path`. */
  getModule(path: string): Module {
    let at: Module = this
    for (const name of path === '' ? [] : path.split('.')) {
      const next = at.#children.get(name)
      if (next === undefined) {
        const known = [...at.#children.keys()].join(', ') || 'no children'
        throw new ConfigError(
          `getModule: '${path}' must name a module; got '${name}' among ${known}.`,
        )
      }
      at = next
    }
    return at
  }

  /** Puts `module` at `path` and returns what was there, which is not disposed of. */
  replaceChild(path: string, module: Module): Module {
    const old = this.getModule(path)
    const dot = path.lastIndexOf('.')
    const parent = this.getModule(dot < 0 ? '' : path.slice(0, dot))
    parent.#children.set(path.slice(dot + 1), module)
    return old
  }

  /** Frees the parameters and their gradients, here and below. */
  dispose(): void {
    for (const [, tensor] of this.ownParameters()) tensor.dispose()
    for (const [, child] of this.#children) child.dispose()
  }

  protected addChild<T extends Module>(name: string, child: T): T {
    this.#children.set(name, child)
    return child
  }

  /** The child `name`, which may have been replaced by another of the same kind. */
  protected child<T extends Module>(name: string, kind: ModuleKind<T>): T {
    const found = this.#children.get(name)
    if (found instanceof kind) return found
    const got = found === undefined ? 'nothing' : found.constructor.name
    throw new ConfigError(
      `${this.constructor.name}: child '${name}' must be a ${kind.name}; got ${got}.`,
    )
  }
}

/** Modules numbered from 0. */
export class ModuleList<T extends Module> extends Module {
  readonly length: number

  constructor(
    items: readonly T[],
    readonly kind: ModuleKind<T>,
  ) {
    super()
    this.length = items.length
    for (const [index, item] of items.entries()) this.addChild(String(index), item)
  }

  at(index: number): T {
    return this.child(String(index), this.kind)
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}
