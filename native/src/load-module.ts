import { existsSync } from 'node:fs'
import { type ModuleName, moduleFile } from './module-file.ts'

export type LoadedModule<Exports> =
  | { kind: 'native'; exports: Exports }
  /** `reason` is a sentence for an operator, without a path. */
  | { kind: 'missing'; reason: string }

/**
 * Loads a compiled module; `instructions` names what the processor lacks where it is of no use here.
 * Does not throw: callers do without the module.
 */
export function loadModule<Exports extends { readonly instructions: string }>(
  name: ModuleName,
  { instructions }: { instructions: string },
): LoadedModule<Exports> {
  try {
    const file = moduleFile(name)
    if (!existsSync(file)) return { kind: 'missing', reason: 'it was not compiled here' }
    const loaded: { exports: Partial<Exports> } = { exports: {} }
    process.dlopen(loaded, file)
    // The name of the file holds the module to this source: all of its functions are there, or none.
    if (loaded.exports.instructions === undefined) {
      return { kind: 'missing', reason: `this processor has no ${instructions} instructions` }
    }
    return { kind: 'native', exports: loaded.exports as Exports }
  } catch {
    return { kind: 'missing', reason: 'the compiled module cannot be loaded' }
  }
}
