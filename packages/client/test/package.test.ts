import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ERROR_CODES } from '../../../src/errors.ts'
import { type ClientErrorCode, createClient } from '../src/client.ts'

const CLIENT_CODES: Record<ClientErrorCode, true> = {
  NETWORK: true,
  BAD_ANSWER: true,
  FILE_CHANGED: true,
  FILE_DAMAGED: true,
  UPLOAD_FAILED: true,
  UPLOAD_FORGOTTEN: true,
  CANCELLED: true,
}

const root = new URL('../', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))

test.each(['.', './node'])('%s of the package is built from a source', (name) => {
  const { 'telestore-source': source, types, default: code } = manifest.exports[name]

  expect(existsSync(new URL(source, root))).toBe(true)
  expect(code).toBe(source.replace('src/', 'dist/').replace(/\.ts$/, '.js'))
  expect(types).toBe(code.replace(/\.js$/, '.d.ts'))
})

test('the README explains only codes that the worker or the client has', () => {
  const readme = readFileSync(new URL('README.md', root), 'utf8')
  const rows = readme.match(/^\| `[A-Z].*$/gm) ?? []
  const codes = rows.flatMap((row) => row.split('|')[1]?.match(/[A-Z_]+/g) ?? [])

  expect(codes).toEqual(expect.arrayContaining(Object.keys(CLIENT_CODES)))
  const known: string[] = [...ERROR_CODES, ...Object.keys(CLIENT_CODES)]
  expect(codes.filter((code) => !known.includes(code))).toEqual([])
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
