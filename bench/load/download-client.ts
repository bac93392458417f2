import { type Agent, request } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../../src/lib/units.ts'
import type { Manner } from './clients.ts'
import type { Tally } from './tally.ts'

export interface DownloadTask {
  url: string
  agent: Agent
  manner: Manner
  tally: Tally
  until: number
  file: { messageId: number; size: number; token: string }
}

const SLOW_PAUSE_MS = 250

/** One ranged read, as a player makes them: from somewhere, some megabytes. */
export async function download(task: DownloadTask): Promise<void> {
  const { file, manner, tally, until } = task
  const start = Math.floor(Math.random() * (file.size - 8 * MiB))
  const end = start + 8 * MiB - 1
  const response = await get(task, `bytes=${start}-${end}`)
  if (response.statusCode !== 206) {
    response.resume()
    const after = response.headers['retry-after']
    if (after === undefined) throw new Error(`download: ${response.statusCode}`)
    tally.refused(response.statusCode ?? 0)
    return wait(Number(after) * 1000)
  }
  let bytes = 0
  for await (const piece of response) {
    bytes += piece.length
    tally.bytesRead(piece.length)
    if (Date.now() > until || (manner === 'leaves' && bytes > 2 * MiB)) return
    if (manner === 'slow') await wait(SLOW_PAUSE_MS)
  }
  if (bytes !== end - start + 1) throw new Error('download: cut short')
  tally.completed('download')
}

function get({ url, agent, file }: DownloadTask, range: string) {
  const { promise, resolve, reject } = Promise.withResolvers<import('node:http').IncomingMessage>()
  const headers = { authorization: `Bearer ${file.token}`, range }
  request(`${url}/download?messageId=${file.messageId}`, { agent, headers }, resolve)
    .once('error', reject)
    .end()
  return promise
}
