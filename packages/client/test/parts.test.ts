import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createClient } from '../src/client.ts'
import { createEventParser } from '../src/event-stream.ts'
import { fileNameIn } from '../src/file-name.ts'
import { createStorageResumeStore } from '../src/uploads/resume-store.ts'
import { createXhrTransport, limited, type Xhr } from '../src/uploads/transport.ts'
import { telegramPercentOf } from '../src/wire.ts'

test.each([
  ['attachment', null],
  ['attachment; filename="a b.txt"', 'a b.txt'],
  ['attachment; filename=plain.txt', 'plain.txt'],
  ['inline; filename="a \\"b\\".txt"', 'a "b".txt'],
  [`inline; filename="Gr??e.txt"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt`, 'Grüße.txt'],
  [`inline; filename="kept.txt"; filename*=UTF-8''%FF`, 'kept.txt'],
])('the name in %s is %s', (header, name) => {
  expect(fileNameIn(header)).toBe(name)
})

test.each([
  ['uploading', 0, 0],
  ['uploading', 20, 0],
  ['uploading', 30, 0],
  ['uploading', 31, 1.6],
  ['uploading', 45, 25],
  ['uploading', 60, 50],
  ['uploading', 89, 98.3],
  ['uploading', 90, 99],
  ['uploading', 92, 99],
  ['uploading', 100, 99],
  ['failed', 84, 90],
  ['completed', 100, 100],
] as const)(
  'of an upload that is %s at %i %% Telegram has accepted %d %%',
  (status, all, accepted) => {
    expect(telegramPercentOf(status, all)).toBe(accepted)
  },
)

test.each([1, 2, 3, 1000])('events are read from pieces of %i characters', (length) => {
  const text = ': hello\r\n\r\nid: 1\ndata: {"a":\ndata: 1}\n\ndata:x\rid:2\r\rdata: unfinished'
  const parse = createEventParser()

  const pieces = text.match(new RegExp(`[^]{1,${length}}`, 'g')) ?? []
  const events = pieces.flatMap((piece) => parse(piece))

  expect(events).toEqual([
    { id: '1', data: '{"a":\n1}' },
    { id: '2', data: 'x' },
  ])
})

test('an event stream is read, and opened again when it breaks', async () => {
  const progress = { uploadId: 'a', error: null, reason: null, messageId: null, fileId: null }
  const streams = [
    (response: ServerResponse) => {
      response.write(': hello\n\n')
      const event = { ...progress, status: 'uploading', progress: 40 }
      response.write(`id: 1\ndata: ${JSON.stringify(event)}\n\n`, () => response.destroy())
    },
    (response: ServerResponse) => {
      const event = { ...progress, status: 'completed', progress: 100, messageId: 5 }
      response.end(`id: 2\ndata: ${JSON.stringify(event)}\n\n`)
    },
  ]
  let requests = 0
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    streams[requests++]?.(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const heard: number[][] = []

  const end = await createClient({ url, token: 'x' }).follow('a', {
    onProgress: ({ progress, telegramPercent }) => heard.push([progress, telegramPercent]),
  })

  expect(end).toMatchObject({ status: 'completed', messageId: 5 })
  expect(heard).toEqual([
    [40, 16.6],
    [100, 100],
  ])
  expect(requests).toBe(2)
})

test('XMLHttpRequest reports the bytes that leave, and an abort stops it', async () => {
  const { Xhr, last } = makeXhrClass()
  const send = createXhrTransport(Xhr)
  const sent: number[] = []
  const common = { address: 'http://worker/upload-chunk', form: new FormData(), timeoutMs: 60_000 }
  const onSent = (bytes: number): void => void sent.push(bytes)
  const leaving = new AbortController()

  const answered = send({ ...common, onSent, signal: leaving.signal })
  last().upload.onprogress?.({ loaded: 7 })
  last().finish()
  const stopped = send({ ...common, onSent, signal: leaving.signal })
  leaving.abort(new Error('left'))

  expect(await answered).toEqual({ status: 200, retryAfter: '3', text: '{}' })
  expect(sent).toEqual([7])
  await expect(stopped).rejects.toThrow('left')
  expect(last().aborted).toBe(true)
})

test('no more forms are sent at once than the limit, and a waiting one can be aborted', async () => {
  const onTheWay: (() => void)[] = []
  const send = limited(
    () =>
      new Promise((resolve) => {
        onTheWay.push(() => resolve({ status: 200, retryAfter: null, text: '{}' }))
      }),
    2,
  )
  const leaving = new AbortController()
  const request = { address: '', form: new FormData(), onSent: () => {}, timeoutMs: 1000 }
  const { signal } = new AbortController()

  const sent = [1, 2].map(() => send({ ...request, signal }))
  const left = send({ ...request, signal: leaving.signal })
  const last = send({ ...request, signal })
  leaving.abort(new Error('left'))
  await expect(left).rejects.toThrow('left')
  const before = onTheWay.length
  onTheWay[0]?.()
  await sent[0]
  await vi.waitFor(() => expect(onTheWay).toHaveLength(3))
  for (const finish of onTheWay) finish()

  expect(before).toBe(2)
  expect(await last).toMatchObject({ status: 200 })
})

test('a full store drops its oldest upload', () => {
  const map = new Map<string, string>()
  const store = createStorageResumeStore({
    get length() {
      return map.size
    },
    key: (index) => [...map.keys()][index] ?? null,
    getItem: (name) => map.get(name) ?? null,
    setItem: (name, value) => void map.set(name, value),
    removeItem: (name) => void map.delete(name),
  })
  map.set('of another program', 'kept')

  for (let n = 0; n < 600; n++) void store.set(`file-${n}`, `${1000 + n}_id`)

  expect(map.size).toBe(501)
  expect(store.get('file-0')).toBeNull()
  expect(store.get('file-599')).toBe('1599_id')
  expect(map.get('of another program')).toBe('kept')
})

interface FakeXhr extends Xhr {
  aborted: boolean
  finish: () => void
}

function makeXhrClass(): { Xhr: new () => Xhr; last: () => FakeXhr } {
  let made: FakeXhr | undefined
  // A function that returns an object is what `new` gives: no class is needed to play one.
  function Xhr(): FakeXhr {
    const xhr: FakeXhr = {
      status: 200,
      responseText: '{}',
      upload: { onprogress: null },
      onprogress: null,
      onload: null,
      onerror: null,
      aborted: false,
      open: () => {},
      send: () => {},
      abort: () => {
        xhr.aborted = true
      },
      getResponseHeader: () => '3',
      finish: () => xhr.onload?.(),
    }
    made = xhr
    return xhr
  }
  return {
    Xhr: Xhr as unknown as new () => Xhr,
    last: () => {
      if (!made) throw new Error('no request was made')
      return made
    },
  }
}
