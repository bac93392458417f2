import { readFile, stat } from 'node:fs/promises'
import { brotliCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { KiB } from '../../src/lib/units.ts'

const PAGE = new URL('../../dist/web/', import.meta.url)
const BUDGET = 80 * KiB

test('the page opens with 80 KB at most', async () => {
  const html = await readFile(new URL('index.html', PAGE))
  const files = await filesOfFirstLoad(html.toString())

  const sizes = await Promise.all(files.map((name) => packedSize(name)))
  const total = sizes.reduce((sum, size) => sum + size, brotliCompressSync(html).length)

  expect(files.length).toBeGreaterThan(3)
  expect(total).toBeLessThan(BUDGET)
})

test('the dialogs are not part of the first load', async () => {
  const html = await readFile(new URL('index.html', PAGE), 'utf8')

  const files = await filesOfFirstLoad(html)

  expect(files.filter((name) => name.includes('-dialog-'))).toEqual([])
})

/** Returns what a browser fetches before it has drawn the page: all but what is imported when wanted. */
async function filesOfFirstLoad(html: string): Promise<string[]> {
  const found = new Set<string>()
  const queue = [...html.matchAll(/(?:src|href)="\.\/assets\/([^"]+)"/g)].map((match) => match[1])
  for (const name of queue) {
    if (name === undefined || found.has(name)) continue
    found.add(name)
    if (!name.endsWith('.js')) continue
    const code = await readFile(new URL(`assets/${name}`, PAGE), 'utf8')
    const imported = code.matchAll(/(?:from|import)\s*["'`]\.\/([^"'`]+\.js)["'`]/g)
    const pictures = code.matchAll(/["'`(/]([\w-]+\.svg)/g)
    queue.push(...[...imported, ...pictures].map((match) => match[1]))
  }
  return [...found]
}

/** Returns the bytes of the copy that the worker sends to a browser. */
async function packedSize(name: string): Promise<number> {
  return (await stat(new URL(`assets/${name}.br`, PAGE))).size
}
