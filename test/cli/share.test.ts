import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWithLibrary } from '../http/shares/share.ts'
import { runHere } from './command.ts'

async function start() {
  const { url } = await startWithLibrary()
  const command = (...args: string[]) =>
    runHere(args, { TELESTORE_URL: url, TELESTORE_TOKEN: 'token-ann' })
  return { url, command }
}

test('share prints a link to files or a folder, which shares lists and unshare ends', async () => {
  const { url, command } = await start()

  const files = await command('share', '/film.mp4', '12', '--expires', '2h', '--max-downloads', '3')
  const folder = await command('share', '/Photos', '--title', 'Holiday')

  expect([files.code, folder.code]).toEqual([0, 0])
  const [link = ''] = files.lines
  expect(link).toMatch(new RegExp(`^${url}/s/[\\w-]{32}$`))
  expect((await fetch(link)).status).toBe(200)
  const listed = (await command('shares')).lines.map((line) => line.split(/ {2,}/))
  expect(listed).toContainEqual(['open', '0/3', expect.any(String), 'film.mp4 and 1 more', link])
  expect(listed).toContainEqual(['open', '0', expect.any(String), 'Holiday', folder.lines[0]])

  expect((await command('unshare', link)).code).toBe(0)
  expect((await fetch(link)).status).toBe(410)
  expect((await command('shares')).lines.map((line) => line.split(' ')[0])).toEqual([
    'open',
    'ended',
  ])
})

test('a password comes from the first line of a file', async () => {
  const { command } = await start()
  const path = join(await makeTempDir(), 'password')
  await writeFile(path, 'a secret\nmore\n')

  const { lines } = await command('share', '11', '--password-file', path)

  const [link = ''] = lines
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ password: 'a secret' })
  expect((await fetch(`${link}/password`, { method: 'POST', headers, body })).status).toBe(204)
})

test.each([
  [['share'], 2],
  [['share', '11', '--expires', '7'], 2],
  [['share', '11', '--max-downloads', '0'], 2],
  [['share', '11', '--password', 'a', '--password-file', 'b'], 2],
  [['share', '/film.mp4', '/Photos'], 1],
  [['share', '/nothing'], 1],
  [['unshare', 'nonsense'], 1],
])('%j ends with %i', async (args, code) => {
  const { command } = await start()

  expect((await command(...args)).code).toBe(code)
})
