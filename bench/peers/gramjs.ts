/**
 * gramjs as it ships, with the number of workers that its documentation names. Its argument is the
 * Telegram to talk to; see `answer-commands.ts`.
 */
import { statSync } from 'node:fs'
import bigInt from 'big-integer'
import { Api, Logger, TelegramClient } from 'telegram'
import { CustomFile } from 'telegram/client/uploads.js'
import { LogLevel } from 'telegram/extensions/Logger.js'
import { ConnectionTCPFull } from 'telegram/network/connection/index.js'
import { StringSession } from 'telegram/sessions/index.js'
import { answerCommands, timed } from './answer-commands.ts'

interface Place {
  host: string
  port: number
  session: string
  apiId: number
  apiHash: string
  channelId: string
}

type Command =
  | { do: 'upload'; path: string }
  | { do: 'download'; messageIds: number[] }
  | { do: 'seek'; messageId: number; offset: number }

const WORKERS = 8
const REQUEST_BYTES = 512 * 1024
const place: Place = JSON.parse(process.argv[2] ?? '{}')

/** gramjs ignores the port of its session. */
class LocalConnection extends ConnectionTCPFull {
  constructor(parameters: ConstructorParameters<typeof ConnectionTCPFull>[0]) {
    super({ ...parameters, ip: place.host, port: place.port })
  }
}

async function connected(): Promise<TelegramClient> {
  const client = new TelegramClient(new StringSession(place.session), place.apiId, place.apiHash, {
    connection: LocalConnection,
    connectionRetries: 5,
    baseLogger: new Logger(LogLevel.NONE),
    floodSleepThreshold: 120,
  })
  await client.connect()
  return client
}

async function findChannel(client: TelegramClient): Promise<Api.Channel> {
  const bare = bigInt(place.channelId.replace(/^-100/, ''))
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
  return channel
}

async function findMedia(
  client: TelegramClient,
  channel: Api.Channel,
  messageId: number,
): Promise<Api.TypeMessageMedia> {
  const { id: channelId, accessHash = bigInt.zero } = channel
  const found = await client.invoke(
    new Api.channels.GetMessages({
      channel: new Api.InputChannel({ channelId, accessHash }),
      id: [new Api.InputMessageID({ id: messageId })],
    }),
  )
  if (!('messages' in found)) throw new Error('no message')
  const [message] = found.messages
  if (!(message instanceof Api.Message) || !message.media) throw new Error('no document')
  return message.media
}

async function upload(path: string): Promise<number> {
  const { size } = statSync(path)
  const file = new CustomFile('bench.bin', size, path)
  await client.sendFile(channel, { file, workers: WORKERS, forceDocument: true })
  return size
}

async function download(media: Api.TypeMessageMedia): Promise<number> {
  let bytes = 0
  for await (const block of client.iterDownload({ file: media, requestSize: REQUEST_BYTES })) {
    bytes += block.length
  }
  return bytes
}

/** How a worker gets at a range that keeps nothing: a new client, the channel, the message, a block. */
async function seek(messageId: number, offset: number): Promise<number> {
  const fresh = await connected()
  try {
    const file = await findMedia(fresh, await findChannel(fresh), messageId)
    const request = { file, requestSize: REQUEST_BYTES, offset: bigInt(offset), limit: 1 }
    for await (const block of fresh.iterDownload(request)) return block.length
    return 0
  } finally {
    void fresh.disconnect()
  }
}

const client = await connected()
const channel = await findChannel(client)
await answerCommands<Command>({ version: client.__version__ }, async (command) => {
  if (command.do === 'upload') return timed(() => upload(command.path))
  if (command.do === 'seek') return timed(() => seek(command.messageId, command.offset))
  const media = await Promise.all(command.messageIds.map((id) => findMedia(client, channel, id)))
  return timed(async () => {
    const sizes = await Promise.all(media.map(download))
    return sizes.reduce((sum, size) => sum + size, 0)
  })
})
