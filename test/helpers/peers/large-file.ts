import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { Api, InputFile } from 'node-telegram-bot-api'
import type { Emulator } from 'telegram-emulator'
import { documentIdIn } from '../../../src/core/model/file-id.ts'
import { manifestCaption, volumeCaption } from '../../../src/core/model/volumes/captions.ts'
import {
  encodeManifest,
  type Manifest,
  type ManifestVolume,
} from '../../../src/core/model/volumes/manifest.ts'
import { manifestName, volumeName } from '../../../src/core/model/volumes/names.ts'
import { sha256 as sha256Of } from '../callers/client.ts'

type Account = Emulator['account']

/** A file of volumes in a channel. */
export interface LargeFile {
  id: string
  bytes: Buffer
  manifest: Manifest
  /** Of the manifest. */
  messageId: number
  fileId: string
}

export interface LargeFileOptions {
  bytes?: Buffer
  volumeBytes?: number
  name?: string
  id?: string
  folderId?: string | null
  modifiedAt?: number | null
  /** Makes another manifest of the right one. */
  forge?: (manifest: Manifest) => object
}

interface Post {
  name: string
  bytes: Uint8Array
  caption: string
}

/** Posts documents as another client of the Bot API does. */
export function createPoster(telegram: Emulator, account: Account = telegram.account) {
  const api = new Api(account.botToken ?? '', { apiRoot: telegram.botApi.root, maxRetries: 0 })

  async function post({ name, bytes, caption }: Post) {
    const document = new InputFile(Buffer.from(bytes), { filename: name })
    const sent = await api.sendDocument({ chat_id: account.channelId, document, caption })
    return { messageId: sent.message_id, fileId: sent.document?.file_id ?? '' }
  }

  /** The volumes of a file, and what a manifest says of them. */
  async function postVolumes(
    options: LargeFileOptions = {},
  ): Promise<Manifest & { bytes: Buffer }> {
    const { bytes = randomBytes(700_000), volumeBytes = 300_000, name = 'film.mp4' } = options
    const { id = randomBytes(16).toString('hex'), modifiedAt = null, folderId = null } = options
    const of = Math.ceil(bytes.length / volumeBytes)
    const whole = { sha256: sha256Of(bytes), crc32: crcOf(bytes) }
    const volumes: ManifestVolume[] = []
    for (let volume = 1; volume <= of; volume++) {
      const piece = bytes.subarray((volume - 1) * volumeBytes, volume * volumeBytes)
      const crc32 = crcOf(piece)
      const wholeSha256 = volume === of ? whole.sha256 : null
      const described = { id, name, folderId, modifiedAt }
      const caption = volumeCaption(described, { number: volume, of, crc32, wholeSha256 })
      const posted = await post({ name: volumeName(name, volume, of), bytes: piece, caption })
      volumes.push({
        ...posted,
        documentId: documentIdIn(posted.fileId),
        size: piece.length,
        crc32,
      })
    }
    const size = bytes.length
    return { id, name, mimeType: 'video/mp4', size, modifiedAt, ...whole, volumes, bytes }
  }

  return {
    post,
    postVolumes,
    /** The whole file. */
    postLargeFile: async (options: LargeFileOptions = {}): Promise<LargeFile> => {
      const { bytes, ...manifest } = await postVolumes(options)
      const { folderId = null, forge = () => ({}) } = options
      const posted = await post({
        name: manifestName(manifest.name),
        bytes: encodeManifest({ ...manifest, ...forge(manifest) }),
        caption: manifestCaption({ ...manifest, folderId }, manifest),
      })
      const { id } = manifest
      return { id, bytes, manifest, ...posted }
    },
    text: (text: string) => api.sendMessage({ chat_id: account.channelId, text }),
    remove: (...ids: number[]) =>
      api.deleteMessages({ chat_id: account.channelId, message_ids: ids }),
    forward: async (messageId: number): Promise<number> => {
      const chat = { chat_id: account.channelId, from_chat_id: account.channelId }
      return (await api.forwardMessage({ ...chat, message_id: messageId })).message_id
    },
    edit: (messageId: number, caption: string) =>
      api.editMessageCaption({ chat_id: account.channelId, message_id: messageId, caption }),
  }
}

function crcOf(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(8, '0')
}
