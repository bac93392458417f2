import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { FileRow } from '../../../src/core/ports/catalogue.ts'
import { postJson } from '../../helpers/callers/client.ts'
import { createFakeChannel } from '../../helpers/peers/fake-channel.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { makeFile, makeFolder } from '../../helpers/storage/ledger-contract/library.ts'
import { startWorker, type TestWorkerOptions, testCredentials } from '../../helpers/worker/app.ts'

export const KEY = { owner: 'ann', channelId: '-1001' }
export const ANN = { authorization: 'Bearer token-ann' }
export const FILM = randomBytes(3_000_000)
export const PHOTOS = 'a'.repeat(32)
export const ROME = 'b'.repeat(32)

export interface ShownShare {
  id: string
  url: string
  link: string | null
  state: string
  downloads: number
  expiresAt: string
  [field: string]: unknown
}

/** Ann's library: a film (11) and a text (12), in `/Photos` a picture (13), in `/Photos/Rome` one more (14). */
export async function startWithLibrary(options: TestWorkerOptions = {}) {
  const gateway = createFakeGateway()
  const channel = createFakeChannel()
  const worker = await startWorker({
    ...{ gateway, channel, credentials: testCredentials },
    ...options,
  })
  const files: [number, Partial<FileRow>, Buffer][] = [
    [11, { name: 'film.mp4', mimeType: 'video/mp4' }, FILM],
    [12, { name: 'notes.txt', mimeType: 'text/plain' }, Buffer.from('some notes')],
    [13, { name: 'a.jpg', folderId: PHOTOS, hasThumbnail: true }, Buffer.from('picture a')],
    [14, { name: 'b.jpg', folderId: ROME }, Buffer.from('picture b')],
  ]
  for (const [messageId, { name = '', mimeType }, bytes] of files) {
    gateway.posted.push({ messageId, name, mimeType: mimeType ?? 'image/jpeg', bytes })
  }
  gateway.thumbnails.set(13, Buffer.from('ffd8ffd9', 'hex'))
  await worker.adapters.ledger.applyToLibrary(KEY, {
    // The channel is as it was: nothing of this is missing there.
    sync: { pts: 1, scan: null, lookedAt: Date.now() },
    folders: [makeFolder(1, PHOTOS, 'Photos'), makeFolder(2, ROME, 'Rome', { parentId: PHOTOS })],
    files: files.map(([messageId, change, bytes]) =>
      makeFile(messageId, { size: bytes.length, mimeType: 'image/jpeg', ...change }),
    ),
  })
  return { ...worker, gateway }
}

export async function makeShare(url: string, wish: object): Promise<ShownShare> {
  const answer = await postJson(`${url}/shares`, wish, ANN)
  expect(answer.status).toBe(201)
  return (await answer.json()) as ShownShare
}

export async function sharesOf(url: string, headers = ANN): Promise<ShownShare[]> {
  const answer = await fetch(`${url}/shares`, { headers })
  return ((await answer.json()) as { items: ShownShare[] }).items
}

/** Cookies of an answer, as a browser sends them back. */
export function cookiesIn(answer: Response): { cookie: string } {
  const cookie = answer.headers.getSetCookie().map((each) => each.split(';')[0] ?? '')
  return { cookie: cookie.join('; ') }
}

export async function codeOf(answer: Response): Promise<[number, string]> {
  return [answer.status, ((await answer.json()) as { code: string }).code]
}
