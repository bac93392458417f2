import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { EmulatedAccount } from 'telegram-emulator'
import { expect, test } from 'vitest'
import { decodeCaption, encodeCaption, type PostDescription } from '../../src/core/model/caption.ts'
import { KiB } from '../../src/lib/units.ts'
import { createPoster } from '../helpers/peers/large-file.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { createNotes, openLibrary } from '../telegram/channel/setup.ts'
import { createFile, createRequest, startGateway, userOf } from '../telegram/mtproto/setup.ts'
import { plainEnvironment } from './support/programs.ts'
import { findTelethon } from './support/telethon.ts'

const READER = fileURLToPath(new URL('../../docs/read-channel.py', import.meta.url))
const ID = '000102030405060708090a0b0c0d0e0f'
const OTHER = '0f0e0d0c0b0a09080706050403020100'
const LINE = `#telestore v=1 id=${ID}`
const ODD = 'Ferien 2026 – отчёт 👍\u202e\n*.tar.gz'
const LONG = `${'字'.repeat(300)}.mkv`
const full: PostDescription = {
  id: ID,
  kind: 'file',
  folderId: 'f'.repeat(32),
  name: ODD,
  modifiedAt: 1_764_390_415_123,
  sha256: '0'.repeat(63).concat('a'),
  crc32: '0000abcd',
}

/** A file in each of the folders below. */
const IN_FOLDERS = ['a', 'b', 'c', 'd', '1', '2', '3'].map((digit) =>
  encodeCaption({ ...full, folderId: digit.repeat(32) }),
)

/** Captions, and the names of their documents. */
const POSTS: [caption: string, documentName: string][] = [
  [encodeCaption(full), 'a.bin'],
  [encodeCaption({ ...full, id: OTHER, name: null, folderId: null, kind: 'manifest' }), 'a.bin'],
  [encodeCaption({ ...full, kind: { volume: 2, of: 12 } }), 'a.bin'],
  [encodeCaption({ ...full, name: LONG }), LONG],
  [encodeCaption({ ...full, name: LONG }), 'other.mkv'],
  ['', 'a.bin'],
  [`Our trip\n${LINE} name=a (the good one)\nwith friends`, 'a.bin'],
  [`${LINE} name=a name=b id=${'e'.repeat(32)} cipher=xyz`, 'a.bin'],
  [`${LINE.toUpperCase()} name=a`, 'a.bin'],
  [`${LINE.replace('v=1', 'v=2')} name=b\n${LINE} name=a`, 'a.bin'],
  [`${LINE} kind=volume-4-of-3 name=b`, 'a.bin'],
  [`${LINE} name=%ff modified=2026-02-30T00:00:00Z sha256=12 folder=../..`, 'a.bin'],
  [`${LINE} name=a%4 modified=2026-02-03T00:00:00Z crc32=0000ABCD`, 'a.bin'],
  [`${LINE} name=*%2Ebin`, 'a.bin'],
  [`${LINE} name=*`, 'a.bin'],
  ...IN_FOLDERS.map((caption): [string, string] => [caption, 'a.bin']),
]

const A = 'a'.repeat(32)
const B = 'b'.repeat(32)
const C = 'c'.repeat(32)
const D = 'd'.repeat(32)

/** Texts of folders: one in another, a second one of its name, a circle, and names that are no paths. */
const FOLDERS = [
  folder(A, 'Ä'),
  folder(B, '../b\\c', A),
  folder(C, 'A\u0308'),
  folder(D, '..', C),
  folder('1'.repeat(32), 'around', '2'.repeat(32)),
  folder('2'.repeat(32), 'and around', '1'.repeat(32)),
  folder('3'.repeat(32), ` ${'字'.repeat(100)}`, '9'.repeat(32)),
  folder(A, 'a later double'),
]

function folder(id: string, name: string, folderId: string | null = null): string {
  const unknown = { modifiedAt: null, sha256: null, crc32: null }
  return encodeCaption({ id, kind: 'folder', name, folderId, ...unknown })
}

test('a reader that was written by the specification reads captions as the worker does', async (context) => {
  const telethon = await findTelethon()
  if ('missing' in telethon) return context.skip(telethon.missing)
  const telegram = await startTelegram({ settings: { strictSessions: false } })
  const library = openLibrary(telegram, 'bot')
  const { account } = library
  const { gateway } = startGateway(telegram)
  const user = userOf(account)
  const call = { credentials: user, signal: new AbortController().signal }
  for (const text of FOLDERS) {
    await gateway.channel.post(call, { text, copyOf: null, journal: createNotes() })
  }
  // By both roads in turn.
  const roads = [user, { ...user, botToken: account.botToken }]
  for (const [at, [caption, name]] of POSTS.entries()) {
    const file = createFile(KiB + at, { name })
    await gateway.finish(createRequest(roads[at % 2] ?? user, file, { caption }))
  }
  await gateway.close()
  await library.look()

  const stdout = (await readWith(telethon.python, account)).toString()

  const posted = await telegram.messages(account.channelId)
  // A volume is shown nowhere, and its folder is not in the channel.
  const pathOf = async (id: number) => {
    return { path: `/${(await library.file(id))?.path.join('/') ?? ''}` }
  }
  const shown = await Promise.all(posted.map(({ id }) => pathOf(id)))
  const read = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(read).toEqual(
    posted.map(({ id, size, caption, fileName }, at) => ({
      message: id,
      size,
      ...asReader(decodeCaption(caption, fileName), fileName),
      ...shown[at],
    })),
  )
  expect(read[0]).toMatchObject({ name: ODD, sha256: full.sha256 })
  expect(read[3]).toMatchObject({ name: LONG })
  expect(read).toHaveLength(POSTS.length)
  const ofFolders = read.slice(-IN_FOLDERS.length).map(({ path }) => path)
  expect(ofFolders).toEqual([
    '/Ä',
    '/Ä/.._b_c',
    '/Ä',
    '/Ä/__',
    '/and around/around',
    '/and around',
    `/${'字'.repeat(85)}`,
  ])
})

test('a reader joins the volumes of a large file, as a person does with cat', async (context) => {
  const telethon = await findTelethon()
  if ('missing' in telethon) return context.skip(telethon.missing)
  const telegram = await startTelegram({ settings: { strictSessions: false } })
  const post = createPoster(telegram)
  const file = await post.postLargeFile({ bytes: randomBytes(700 * KiB), volumeBytes: 300 * KiB })
  const plain = await post.post({ name: 'a.bin', bytes: randomBytes(9), caption: '' })
  const { account } = telegram

  const listed = (await readWith(telethon.python, account)).toString().trim().split('\n')
  const joined = await readWith(telethon.python, account, file.messageId)
  const small = await readWith(telethon.python, account, plain.messageId)

  expect(listed.map((line) => JSON.parse(line))).toMatchObject([
    { message: file.messageId, name: 'film.mp4', size: 700 * KiB, kind: 'manifest' },
    { message: plain.messageId, name: 'a.bin', size: 9 },
  ])
  expect(joined.equals(file.bytes)).toBe(true)
  expect(small).toHaveLength(9)
  const folder = await makeTempDir()
  for (const { messageId } of file.manifest.volumes) {
    const posted = (await telegram.messages(account.channelId)).find(({ id }) => id === messageId)
    const bytes = await readWith(telethon.python, account, messageId)
    await writeFile(join(folder, posted?.fileName ?? ''), bytes)
  }
  const sorted = 'cat film.mp4.*'
  const { stdout } = await promisify(execFile)('sh', ['-c', sorted], {
    ...{ cwd: folder, encoding: 'buffer' as const, maxBuffer: 2 ** 24 },
  })
  expect(stdout.equals(file.bytes)).toBe(true)

  await post.remove(file.manifest.volumes[1]?.messageId ?? 0)
  await expect(readWith(telethon.python, account, file.messageId)).rejects.toThrow(
    'volume-2-of-3 is missing',
  )
})

/** What the reader prints of a channel, or the file of one message. */
async function readWith(
  python: string,
  account: EmulatedAccount,
  messageId?: number,
): Promise<Buffer> {
  const wanted = messageId === undefined ? [] : [String(messageId)]
  const env = {
    ...plainEnvironment(await makeTempDir()),
    TELEGRAM_API_ID: String(account.apiId),
    TELEGRAM_API_HASH: account.apiHash,
    TELEGRAM_SESSION: account.telethonSession ?? '',
  }
  const options = { env, encoding: 'buffer' as const, maxBuffer: 2 ** 24 }
  const read = promisify(execFile)
  return (await read(python, [READER, account.channelId, ...wanted], options)).stdout
}

/** The worker's words in the reader's. */
function asReader(description: PostDescription | null, documentName: string): object {
  if (description === null) return { name: documentName }
  const { folderId: folder, modifiedAt, kind, ...same } = description
  return {
    wholesha256: null,
    ...same,
    folder,
    kind: typeof kind === 'string' ? kind : `volume-${kind.volume}-of-${kind.of}`,
    modified: expect.toSatisfy(
      (text: string | null) => (text === null ? null : Date.parse(text)) === modifiedAt,
    ),
  }
}
