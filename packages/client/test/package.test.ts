import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createClient } from '../src/client.ts'

const root = new URL('../', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))

test.each(['.', './node'])('%s of the package is built from a source', (name) => {
  const { 'telestore-source': source, types, default: code } = manifest.exports[name]

  expect(existsSync(new URL(source, root))).toBe(true)
  expect(code).toBe(source.replace('src/', 'dist/').replace(/\.ts$/, '.js'))
  expect(types).toBe(code.replace(/\.js$/, '.d.ts'))
})

test('the package depends on no other', () => {
  expect(manifest).not.toHaveProperty('dependencies')
  expect(manifest).not.toHaveProperty('peerDependencies')
})

test.each(['nonsense', '', 'ftp://worker.example', 'worker.example:443'])(
  'a client is not made for the address "%s"',
  (url) => {
    expect(() => createClient({ url, token: 'token' })).toThrow(/expected an address such as/)
  },
)
