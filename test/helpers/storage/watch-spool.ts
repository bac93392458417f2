import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export interface WatchedSpool {
  /** The most bytes of files that were in the spool at one look, from the beginning on. */
  mostBytes: () => number
}

/** Looks at the spool of a worker over and over, until the test ends. */
export function watchSpool(dataDir: string): WatchedSpool {
  const folder = join(dataDir, 'spool')
  let most = 0
  let isOver = false
  onTestFinished(() => {
    isOver = true
  })

  async function look(): Promise<void> {
    while (!isOver) {
      const files = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
      const sizes = files
        .filter((file) => file.isFile())
        // One that is gone by now was there when its folder was read, and its bytes may be elsewhere.
        .map((file) =>
          stat(join(file.parentPath, file.name)).then(
            ({ size }) => size,
            () => 0,
          ),
        )
      const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
      most = Math.max(most, bytes)
    }
  }

  void look()
  return { mostBytes: () => most }
}
