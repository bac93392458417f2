import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The one source of the module. */
export const SOURCE_FILE = fileURLToPath(new URL('../src/aes-ige.c', import.meta.url))

/**
 * Where the compiled module of this source, platform and architecture lies. The name changes with
 * the source, so that a module of an older version is never loaded.
 */
export function moduleFile(): string {
  const hash = createHash('sha256').update(readFileSync(SOURCE_FILE)).digest('hex').slice(0, 16)
  const name = `aes-ige-${process.platform}-${process.arch}-${hash}.node`
  return fileURLToPath(new URL(`../build/${name}`, import.meta.url))
}
