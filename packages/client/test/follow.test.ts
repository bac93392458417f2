import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createClient } from '../src/client.ts'
import { createEventParser } from '../src/event-stream.ts'
import { telegramPercentOf } from '../src/wire.ts'

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
