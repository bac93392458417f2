import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))

test('the package is built from a source', () => {
  const { types, default: code } = manifest.exports['.']

  expect(types).toBe(code.replace(/\.js$/, '.d.ts'))
  expect(existsSync(new URL(sourceOf(code), root))).toBe(true)
})

test('the command of the package is built from a source that a shell can start', () => {
  const source = readFileSync(new URL(sourceOf(manifest.bin['telestore-worker']), root), 'utf8')

  expect(source).toMatch(/^#!\/usr\/bin\/env node\n/)
})

function sourceOf(built: string): string {
  return built.replace('dist/', 'src/').replace(/\.js$/, '.ts')
}
