/**
 * The peer of the benches: gramjs as it ships, with the number of workers its documentation names.
 * Reads one JSON argument, prints one JSON line.
 */
import { statSync } from 'node:fs'
import bigInt from 'big-integer'
import { Api, Logger, TelegramClient } from 'telegram'
import { CustomFile } from 'telegram/client/uploads.js'
import { LogLevel } from 'telegram/extensions/Logger.js'
import { ConnectionTCPFull } from 'telegram/network/connection/index.js'
import { StringSession } from 'telegram/sessions/index.js'

interface Task {
  mode: 'upload' | 'download' | 'seek'
  host: string
  port: number
  session: string
  apiId: number
  apiHash: string
  /** Uploads: the file. */
  path?: string
  workers: number
  channelId: string
  /** Downloads and seeks: the message. */
  messageId?: number
  /** Seeks: where to. */
  offset?: number
}

const WARM = Buffer.alloc(11 * 1024 * 1024)
const task: Task = JSON.parse(process.argv[2] ?? '{}')

/** gramjs ignores the port of its session. */
class LocalConnection extends ConnectionTCPFull {
  constructor(parameters: ConstructorParameters<typeof ConnectionTCPFull>[0]) {
    super({ ...parameters, ip: task.host, port: task.port })
  }
}

const client = new TelegramClient(new StringSession(task.session), task.apiId, task.apiHash, {
  connection: LocalConnection,
  connectionRetries: 5,
  baseLogger: new Logger(LogLevel.NONE),
  floodSleepThreshold: 120,
})
if (task.mode !== 'seek') await client.connect()

async function upload(path: string): Promise<number> {
  const { size } = statSync(path)
  await client.uploadFile({ file: new CustomFile('bench.bin', size, path), workers: task.workers })
  return size
}

async function findChannel(): Promise<Api.InputChannel> {
  const bare = bigInt(task.channelId.replace(/^-100/, ''))
  const dialogs = await client.invoke(
    new Api.messages.GetDialogs({
      offsetPeer: new Api.InputPeerEmpty(),
      limit: 100,
      offsetDate: 0,
      offsetId: 0,
      hash: bigInt.zero,
    }),
  )
  if (dialogs instanceof Api.messages.DialogsNotModified) throw new Error('no dialogs')
  const channel = dialogs.chats.find((chat) => chat.id.equals(bare))
  if (!(channel instanceof Api.Channel) || !channel.accessHash) throw new Error('no channel')
  return new Api.InputChannel({ channelId: bare, accessHash: channel.accessHash })
}

async function findMedia(messageId: number): Promise<Api.TypeMessageMedia> {
  const found = await client.invoke(
    new Api.channels.GetMessages({
      channel: await findChannel(),
      id: [new Api.InputMessageID({ id: messageId })],
    }),
  )
  if (!('messages' in found)) throw new Error('no message')
  const [message] = found.messages
  if (!(message instanceof Api.Message) || !message.media) throw new Error('no document')
  return message.media
}

async function download(messageId: number): Promise<number> {
  let bytes = 0
  const file = await findMedia(messageId)
  for await (const block of client.iterDownload({ file, requestSize: 512 * 1024 })) {
    bytes += block.length
  }
  return bytes
}

/** The deployed worker's way to a range: a new client, the channel, the message, then a block. */
async function seek(messageId: number, offset: number): Promise<number> {
  const file = await findMedia(messageId)
  const requestSize = 512 * 1024
  for await (const block of client.iterDownload({
    file,
    requestSize,
    offset: bigInt(offset),
    limit: 1,
  })) {
    return block.length
  }
  return 0
}

function work(): Promise<number> {
  const { messageId = 0, offset = 0, path = '' } = task
  if (task.mode === 'upload') return upload(path)
  return task.mode === 'seek' ? seek(messageId, offset) : download(messageId)
}

// Once with little first, so that neither compiling nor connecting is counted.
if (task.mode === 'upload')
  await client.uploadFile({
    file: new CustomFile('warm.bin', WARM.length, '', WARM),
    workers: task.workers,
  })
const cpu = process.cpuUsage()
const started = process.hrtime.bigint()
if (task.mode === 'seek') await client.connect()
const bytes = await work()
const seconds = Number(process.hrtime.bigint() - started) / 1e9
const used = process.cpuUsage(cpu)
console.log(
  JSON.stringify({
    bytes,
    seconds,
    cpu: (used.user + used.system) / 1e6,
    maxRss: process.resourceUsage().maxRSS * 1024,
  }),
)
process.exit(0)
