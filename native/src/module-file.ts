import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The modules: each has a C file of its own. */
export const MODULES = ['aes-ige', 'sha256'] as const
export type ModuleName = (typeof MODULES)[number]

/** What the C files include. */
const HEADER_FILE = fileURLToPath(new URL('../src/bytes.h', import.meta.url))

export function sourceFile(name: ModuleName): string {
  return fileURLToPath(new URL(`../src/${name}.c`, import.meta.url))
}

/**
 * Where the compiled module of this source, platform and architecture lies. The name changes with
 * the source, so that a module of an older version is never loaded.
 */
export function moduleFile(name: ModuleName): string {
  const hash = createHash('sha256')
  for (const file of [HEADER_FILE, sourceFile(name)]) hash.update(readFileSync(file))
  const version = hash.digest('hex').slice(0, 16)
  const file = `${name}-${process.platform}-${process.arch}-${version}.node`
  return fileURLToPath(new URL(`../build/${file}`, import.meta.url))
}
