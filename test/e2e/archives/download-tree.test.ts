import { randomBytes } from 'node:crypto'
import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { runHere } from '../../cli/command.ts'
import { sha256 } from '../../helpers/callers/client.ts'
import { readZip } from '../../helpers/callers/read-zip.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { makeFile, makeFolder } from '../../helpers/storage/ledger-contract/library.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

const KEY = { owner: 'ann', channelId: '-1001' }
const PHOTOS = 'a'.repeat(32)
const ROME = 'b'.repeat(32)
const MODIFIED = Date.UTC(2020, 1, 2, 3, 4, 5)

/** A channel with these files, each with its folder; its library knows their digests. */
async function start() {
  const gateway = createFakeGateway()
  const { url, adapters } = await startWorker({ gateway, credentials: testCredentials })
  const folders = [
    makeFolder(50, PHOTOS, 'Photos'),
    makeFolder(51, ROME, 'Rome', { parentId: PHOTOS }),
  ]
  await adapters.ledger.applyToLibrary(KEY, { folders })
  const files = [
    ['a.jpg', PHOTOS],
    ['A.jpg', PHOTOS],
    ['day: 1.mp4', ROME],
    ['other', null],
  ] as const
  const bytes = files.map(([name, folderId], index) => {
    const [messageId, content] = [index + 1, randomBytes(10_000 + index)]
    gateway.posted.push({ messageId, name, mimeType: 'video/mp4', bytes: content })
    return { content, messageId, row: { name, folderId, size: content.length } }
  })
  await adapters.ledger.applyToLibrary(KEY, {
    files: bytes.map(({ content, messageId, row }) =>
      makeFile(messageId, {
        ...row,
        ...{ documentId: String(1000 + messageId), modifiedAt: MODIFIED, sha256: sha256(content) },
        crc32: crc32(content).toString(16).padStart(8, '0'),
      }),
    ),
  })
  const output = join(await makeTempDir(), 'out')
  const env = { TELESTORE_URL: url, TELESTORE_TOKEN: 'token-ann' }
  return {
    ...{ gateway, output, contents: bytes.map(({ content }) => content) },
    run: (...args: string[]) => runHere(args, env),
    listed: async () => (await readdir(output, { recursive: true })).sort(),
  }
}

test('a folder comes as a tree of files with their times, and a second run brings nothing', async () => {
  const { run, output, listed, contents } = await start()

  const first = await run('download', '/Photos', '--output', output)
  const second = await run('download', '/Photos/', '--output', output, '--json')

  expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('3 files downloaded') })
  expect(await listed()).toEqual(['A.jpg', 'Rome', 'Rome/day_ 1.mp4', 'a (2).jpg'])
  expect(await readFile(join(output, 'Rome/day_ 1.mp4'))).toEqual(contents[2])
  expect((await stat(join(output, 'A.jpg'))).mtimeMs).toBe(MODIFIED)
  expect(second.code).toBe(0)
  expect(JSON.parse(second.lines.at(-1) ?? '').summary).toMatchObject({
    ...{ downloaded: 0, hereBefore: 3, bytes: 0 },
  })
})

test('what is here with another time is known by its digest, and what is another file stays', async () => {
  const { run, output, contents } = await start()
  await run('download', '/Photos', '--output', output)
  await utimes(join(output, 'a (2).jpg'), 1, 1)
  await writeFile(join(output, 'A.jpg'), 'mine')

  const again = await run('download', '/Photos', '--output', output)
  const kept = await readFile(join(output, 'A.jpg'), 'utf8')
  const forced = await run('download', '/Photos', '--output', output, '--force')

  expect(again.code).toBe(1)
  expect(again.stderr).toContain('A.jpg exists already: --force overwrites it')
  expect(again.stderr).toContain('2 here before')
  expect(kept).toBe('mine')
  expect(forced.code).toBe(0)
  expect(await readFile(join(output, 'A.jpg'))).toEqual(contents[1])
})

test('a file that is gone does not stop the others', async () => {
  const { run, output, gateway, listed } = await start()
  gateway.posted.shift()

  const ended = await run('download', '/Photos', '--output', output)

  expect(ended.code).toBe(1)
  expect(ended.stderr).toContain('a (2).jpg: There is no such file')
  expect(await listed()).toEqual(['A.jpg', 'Rome', 'Rome/day_ 1.mp4'])
})

test('a path of a file brings that file; --zip brings a folder, or messages, as one', async () => {
  const { run, output, contents } = await start()
  const zipOf = async (path: string) => readZip(await readFile(path))

  await run('download', '/Photos/Rome/day: 1.mp4', '--output', `${output}.mp4`)
  await run('download', '/Photos', '--zip', '--output', `${output}-1.zip`)
  const items = await run('download', '4', '1', '--zip', '--output', `${output}-2.zip`, '--json')

  expect(await readFile(`${output}.mp4`)).toEqual(contents[2])
  expect([...(await zipOf(`${output}-1.zip`)).keys()]).toEqual([
    ...['A.jpg', 'Rome/day_ 1.mp4', 'a (2).jpg'],
  ])
  expect([...(await zipOf(`${output}-2.zip`)).values()]).toEqual([contents[3], contents[0]])
  expect(JSON.parse(items.lines[0] ?? '')).toMatchObject({ ok: true, items: [4, 1] })
})

test.each([
  [['download', '1', '2'], 'several files need --zip'],
  [['download', '/Photos', '/Rome', '--zip'], '--zip: expected numbers of messages, or one path'],
  [['download', '/Photos', '--range', '1-2'], '--range has no meaning with /Photos'],
  [['download', '1', '--zip', '--file-id', 'x'], '--file-id has no meaning with --zip'],
  [['download', 'Photos'], 'expected the number of a message, or a path'],
])('%j is wrong, and says why', async (args, sentence) => {
  const ended = await runHere(args, { TELESTORE_URL: 'http://127.0.0.1:9', TELESTORE_TOKEN: 'x' })

  expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining(sentence) })
})
