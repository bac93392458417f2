/**
 * What sending one file by the Bot API costs: peak resident set over idle, CPU and speed.
 * The server is a sink in a process of its own. Usage: node bench/bot-api-memory.ts [MiB] [bytes/s]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { TransferRequest } from '../src/core/ports/telegram.ts'
import { MiB } from '../src/lib/units.ts'
import { createBotApiRoad } from '../src/telegram/bot-api/bot-api-road.ts'

const [mode = '50', rate = '0'] = process.argv.slice(2)
if (mode === 'sink') startSink(Number(rate))
else await measure(Number(mode) * MiB, rate)

async function measure(size: number, bytesPerSecond: string): Promise<void> {
  const sink = fork(import.meta.filename, ['sink', bytesPerSecond])
  const [root] = await once(sink, 'message')
  const log = { debug: () => {}, info: () => {}, warn: console.warn, error: console.error }
  const road = createBotApiRoad({ root: String(root), local: false, log })
  await road.send(requestOf(1000))
  globalThis.gc?.()
  await delay(200)

  const idle = process.memoryUsage.rss()
  let peak = idle
  const sampler = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }, 5)
  const cpu = process.cpuUsage()
  const from = performance.now()
  await road.send(requestOf(size))
  const seconds = (performance.now() - from) / 1000
  const { user, system } = process.cpuUsage(cpu)
  clearInterval(sampler)
  sink.kill()

  console.log({
    fileMiB: size / MiB,
    peakOverIdleMiB: Math.round((peak - idle) / MiB),
    MiBPerSecond: Math.round(size / MiB / seconds),
    cpuSecondsPerGiB: Number((((user + system) / 1e6 / size) * 1024 * MiB).toFixed(2)),
  })
}

/** A file of zeros, read as the spool is read. */
function requestOf(size: number): TransferRequest {
  return {
    credentials: {
      userId: 'bench',
      botToken: '1:bench',
      channelId: '-1001234567890',
      session: null,
      apiId: null,
      apiHash: null,
    },
    file: {
      uploadId: 'bench',
      name: 'bench.bin',
      mimeType: 'application/octet-stream',
      size,
      sealed: true,
      has: () => true,
      read: async (_offset, target) => void target.fill(7),
    },
    journal: {
      load: async () => null,
      save: async () => {},
      hasPart: () => false,
      addPart: () => {},
      removePart: () => {},
      reset: async () => {},
    },
    signal: new AbortController().signal,
    onEvent: () => {},
  }
}

/** Takes a document and forgets it; with a rate, no faster than that. */
function startSink(bytesPerSecond: number): void {
  const server = createServer(async (request, response) => {
    for await (const piece of request as AsyncIterable<Buffer>) {
      if (bytesPerSecond > 0) await delay((piece.length / bytesPerSecond) * 1000)
    }
    const result = { message_id: 1, document: { file_id: 'bench' } }
    response.end(JSON.stringify({ ok: true, result }))
  })
  server.listen(0, '127.0.0.1', () => {
    process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  })
}
