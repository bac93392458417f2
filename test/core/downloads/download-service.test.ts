import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  createDownloadService,
  type WantedFile,
} from '../../../src/core/downloads/download-service.ts'
import { createOwnTies } from '../../../src/core/downloads/download-ties.ts'
import { createLibraryFiles } from '../../../src/core/downloads/library-files.ts'
import { documentFileId } from '../../../src/core/model/file-id.ts'
import type { ShownFile } from '../../../src/core/ports/catalogue.ts'
import type { Credentials, DownloadGrant } from '../../../src/core/ports/credentials.ts'
import type { RemoteDocument } from '../../../src/core/ports/telegram.ts'
import { AppError, shuttingDown } from '../../../src/errors.ts'
import { makeFile } from '../../helpers/storage/ledger-contract/library.ts'

const never = new AbortController().signal
const HOUR = 3_600_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** A link and what is asked by it, one after the other; the last answer is what the row is about. */
interface Row {
  name: string
  grant: Partial<DownloadGrant>
  asked: (WantedFile & { afterMs?: number })[]
  /** The message that is found, or the code of the error. */
  ends: number | string
}

test.each<Row>([
  {
    name: 'a login token reads one message',
    grant: { kind: 'login' },
    asked: [{ messageId: 1 }],
    ends: 1,
  },
  {
    name: 'a login token reads every message',
    grant: { kind: 'login' },
    asked: [{ messageId: 1 }, { messageId: 2 }],
    ends: 2,
  },
  { name: 'a download token reads a message', grant: {}, asked: [{ messageId: 1 }], ends: 1 },
  {
    name: 'a download token reads the same message again',
    grant: {},
    asked: [{ messageId: 1 }, { messageId: 1 }],
    ends: 1,
  },
  {
    name: 'a download token that has read one message reads no other',
    grant: {},
    asked: [{ messageId: 1 }, { messageId: 2 }],
    ends: 'FORBIDDEN',
  },
  {
    name: 'a download token stays bound for as long as it can be used',
    grant: {},
    asked: [{ messageId: 1 }, { messageId: 2, afterMs: 2 * HOUR - 1 }],
    ends: 'FORBIDDEN',
  },
  {
    name: 'a download token is forgotten once it can no longer be used',
    grant: {},
    asked: [{ messageId: 1 }, { messageId: 2, afterMs: 2 * HOUR }],
    ends: 2,
  },
  {
    name: 'a download token is not bound to a message that is not there',
    grant: {},
    asked: [{ messageId: 404 }, { messageId: 2 }],
    ends: 2,
  },
  {
    name: 'a ticket reads the message that it is for',
    grant: { messageId: 7 },
    asked: [{ messageId: 7 }],
    ends: 7,
  },
  {
    name: 'a ticket reads no other message',
    grant: { messageId: 7 },
    asked: [{ messageId: 8 }],
    ends: 'FORBIDDEN',
  },
  {
    name: 'a message that is not there is not found',
    grant: { kind: 'login' },
    asked: [{ messageId: 404 }],
    ends: 'MESSAGE_NOT_FOUND',
  },
])('$name', async ({ grant, asked, ends }) => {
  const { downloads } = harness({ grant })

  let end: number | string = ''
  for (const { afterMs = 0, ...wanted } of asked) {
    vi.advanceTimersByTime(afterMs)
    end = await downloads.find('token', wanted, never).then(
      ({ file }) => Number(file.id),
      (error: AppError) => error.code,
    )
  }

  expect(end).toBe(ends)
})

test.each<{ name: string; grant: Partial<DownloadGrant>; passed: string | undefined }>([
  { name: 'a login token names the file itself', grant: { kind: 'login' }, passed: 'asked' },
  {
    name: 'a ticket names the file',
    grant: { messageId: 1, fileId: 'granted' },
    passed: 'granted',
  },
  { name: 'a download token without a file names none', grant: {}, passed: undefined },
])('$name', async ({ grant, passed }) => {
  const { downloads, located } = harness({ grant })

  await downloads.find('token', { messageId: 1, fileId: 'asked' }, never)

  expect(located).toEqual([{ messageId: 1, fileId: passed }])
})

const KNOWN = { id: '5188811335468290304', accessHash: '1', fileReference: '', dcId: 4 }
const DIGESTS = { sha256: 'f00d'.repeat(16), crc32: '0000abcd' }

test.each<[string, Partial<RemoteDocument>, string | undefined, string | null]>([
  ['that was sent from here', { id: KNOWN.id }, undefined, DIGESTS.sha256],
  ['of another sender', { id: '7' }, undefined, null],
  [
    'that a bot names by its file_id',
    { id: 'AgADBAAD', road: 'bot-api' },
    documentFileId(KNOWN),
    DIGESTS.sha256,
  ],
  ['whose file_id names no document', { id: KNOWN.id, road: 'bot-api' }, 'file-1', null],
])('the digest of a document %s', async (_, found, fileId, sha256) => {
  const { downloads } = harness({ grant: { kind: 'login' }, found })

  const { sha256: digest } = await downloads.find('token', { messageId: 1, fileId }, never)

  expect(digest).toBe(sha256)
})

test('a message that a link may not read is not looked for in Telegram', async () => {
  const { downloads, located } = harness({ grant: { messageId: 7 } })

  await expect(downloads.find('token', { messageId: 8 }, never)).rejects.toMatchObject({
    code: 'FORBIDDEN',
  })
  expect(located).toEqual([])
})

test('two download tokens are bound each to its own message', async () => {
  const { downloads } = harness({})

  await downloads.find('one', { messageId: 1 }, never)

  await expect(downloads.find('other', { messageId: 2 }, never)).resolves.toMatchObject({
    owner: 'ann',
  })
})

test('of two first requests by one download token, the message that is found first wins', async () => {
  const { downloads, holdMessage } = harness({})
  const release = holdMessage(1)
  const slow = downloads.find('token', { messageId: 1 }, never)
  await downloads.find('token', { messageId: 2 }, never)

  release()

  await expect(slow).rejects.toMatchObject({ code: 'FORBIDDEN' })
})

test('while the worker drains, the backend is not even asked about the token', async () => {
  const { downloads, asked } = harness({
    assertNew: () => {
      throw shuttingDown()
    },
  })

  await expect(downloads.find('token', { messageId: 1 }, never)).rejects.toMatchObject({
    code: 'SHUTTING_DOWN',
  })
  expect(asked()).toBe(0)
})

test('a token that is refused finds nothing', async () => {
  const { downloads, located } = harness({
    grant: new AppError('TOKEN_REFUSED', 'Sign in again'),
  })

  await expect(downloads.find('token', { messageId: 1 }, never)).rejects.toMatchObject({
    code: 'TOKEN_REFUSED',
  })
  expect(located).toEqual([])
})

test.each(['ends', 'leaves', 'fails'])(
  'a download that %s is not running any more',
  async (how) => {
    const { downloads } = harness({ failsAt: how === 'fails' ? 1 : null })
    let idle = false
    const { file } = await downloads.find('token', { messageId: 1 }, never)
    const reading = downloads.read(file, { start: 0, end: 1 }, never)
    await reading.next()
    void downloads.idle().then(() => {
      idle = true
    })
    await Promise.resolve()
    expect(idle).toBe(false)

    if (how === 'leaves') await reading.return(undefined)
    if (how === 'ends') for await (const _ of reading) expect(idle).toBe(false)
    if (how === 'fails') await expect(reading.next()).rejects.toThrow('no such block')
    await Promise.resolve()

    expect(idle).toBe(true)
  },
)

test('a file has its name in the library of its owner', async () => {
  const { downloads } = harness({ grant: { kind: 'login' } })

  const named = await downloads.find('token', { messageId: 7 }, never)
  const unknown = await downloads.find('token', { messageId: 8 }, never)

  expect([named.file.listedName, unknown.file.listedName]).toEqual(['Übersicht.pdf', null])
})

test.each<[string, Partial<DownloadGrant>, string | undefined, string]>([
  ['a login token', { kind: 'login' }, undefined, 'BQACAgQAAx'],
  ['a login token that names one', { kind: 'login' }, 'other', 'other'],
  ['a link', {}, undefined, 'BQACAgQAAx'],
  ['a link that names one', {}, 'other', 'BQACAgQAAx'],
  ['a ticket that has one', { messageId: 7, fileId: 'sealed' }, undefined, 'sealed'],
])('by %s a bot finds a file by the file id that is known of it', async (_, grant, asked, used) => {
  const { downloads, located } = harness({ grant })

  await downloads.find('token', { messageId: 7, fileId: asked }, never)

  expect(located).toEqual([{ messageId: 7, fileId: used }])
})

interface HarnessOptions {
  /** What each token grants, or why it is refused. */
  grant?: Partial<DownloadGrant> | AppError
  /** What is found differs in this from any other document. */
  found?: Partial<RemoteDocument>
  assertNew?: () => void
  /** The piece of a reading that fails. */
  failsAt?: number | null
}

/** The service over a channel in which every message but 404 has a document of the same id. */
function harness({ grant = {}, found = {}, ...options }: HarnessOptions) {
  const { assertNew = () => {}, failsAt = null } = options
  const located: WantedFile[] = []
  const held = new Map<number, Promise<void>>()
  let asked = 0
  const files = createLibraryFiles({
    gateway: {
      locate: async (_credentials, messageId, _signal, fileId) => {
        located.push({ messageId, fileId })
        await held.get(messageId)
        if (messageId === 404) throw new AppError('MESSAGE_NOT_FOUND', 'no such message')
        return { ...documentOf(messageId), ...found }
      },
    },
    manifests: { open: async () => null },
    catalogue: {
      libraryFile: async ({ owner }, messageId) =>
        owner === ANN.userId && messageId === 7 ? LISTED : null,
    },
    reader: {
      read: async function* () {
        for (let piece = 0; piece < 2; piece++) {
          if (piece === failsAt) throw new Error('no such block')
          yield new Uint8Array(1)
        }
      },
    },
  })
  const downloads = createDownloadService({
    credentials: {
      forDownload: async () => {
        asked++
        if (grant instanceof AppError) throw grant
        return { credentials: ANN, kind: 'download', messageId: null, ...grant }
      },
    },
    files,
    ties: createOwnTies(),
    ledger: { receiptOf: async (documentId) => (documentId === KNOWN.id ? DIGESTS : null) },
    workGate: { assertNew },
  })
  return {
    downloads,
    located,
    asked: () => asked,
    /** The message is not found before the returned function is called. */
    holdMessage: (messageId: number): (() => void) => {
      const gate = Promise.withResolvers<void>()
      held.set(messageId, gate.promise)
      return gate.resolve
    },
  }
}

const LISTED: ShownFile = {
  ...makeFile(7, { name: 'Übersicht.pdf' }),
  ...{ hasThumbnail: false, thumbnailId: null, documentId: null, isMeasured: false },
  ...{ mimeType: 'application/pdf', volumes: null },
  fileId: 'BQACAgQAAx',
  kind: 'document',
  path: [],
}

const ANN: Credentials = {
  userId: 'ann',
  botToken: null,
  channelId: '-1001',
  session: 'session',
  apiId: 1,
  apiHash: 'hash',
}

function documentOf(messageId: number): RemoteDocument {
  return {
    id: String(messageId),
    size: 2,
    fileName: null,
    mimeType: null,
    modifiedAt: null,
    caption: null,
    road: 'mtproto-user',
    locator: null,
  }
}
